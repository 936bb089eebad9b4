/* engine/data/share.h - blocks in memory that other processes may map.
 *
 * The bytes are written once, then sealed: nobody can change or shorten what somebody else reads.
 * A process maps them as its own (a write to such a buffer changes a private copy of the page), so
 * one memory serves all who hold the block; the system frees it with the last of them, however they
 * end.  It has no name: nothing is left behind. */
#pragma once

#include "engine/data/nd.h"

enum { SHARE_LEAST = 64 * 1024 }; /* smaller ones are copied faster */

/* New sealed memory with these bytes: a file descriptor; -1: the system gives none. */
int share_copy(const void *at, size_t n);
/* The n bytes of sealed memory as a buffer.  Takes fd. */
buf *share_open(int fd, size_t n, err *e);
/* A temporary file without a name in a folder, to read and write; `how`: more flags of open().
 * -1: errno says why. */
int share_nameless(const char *dir, int how);
/* Such a file, or memory without a name, as something that travels as blocks do: a buffer that
 * nobody reads stands for its first SHARE_LEAST bytes, so content begins after them.  Takes fd;
 * share_peek() lends it, here and wherever the buffer comes. */
buf *share_file(int fd, err *e);
/* Lends the memory of which these bytes of b (may be NULL) are all; -1: there is none. */
int share_peek(const buf *b, const void *at, size_t n);
/* The same block in such memory; x itself when it is there, small, or there is no such memory. */
nd *nd_share(nd *x);
