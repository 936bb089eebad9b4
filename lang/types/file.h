/* lang/types/file.h - open files: one buffered stream behind text and binary files alike. */
#pragma once

#include "lang/lang.h"

enum newline_mode {
    NEWLINE_ANY,  /* newline=None: \r and \r\n become \n while reading */
    NEWLINE_KEEP, /* '': they end lines but stay */
    NEWLINE_LF,
    NEWLINE_CR,
    NEWLINE_CRLF,
};

typedef struct file {
    obj hdr;
    int fd;   /* -1: closed */
    int host; /* 1 or 2: writes go to the interpreter's host; else 0 */
    bool text, readable, writable, append, keep_fd, line_buffered;
    bool writing;       /* by a thread that waits for room: others wait for it */
    bool ended, saw_cr; /* while reading: end of file met; a \r closed the last buffer */
    uint8_t newline;
    char *in, *out; /* buffers; in[at .. n) is still to be read */
    size_t at, n, cap, nout;
    value name;
    str *mode, *encoding, *errors; /* encoding NULL: UTF-8 by default */
} file;

extern const type T_text_file, T_reader, T_writer, T_random_file;

file *as_file(value v);
value file_open(interp *in, value name, str *mode, str *encoding, str *errors, value newline,
                bool closefd);
value file_std(interp *in, int fd, const char *name); /* sys.stdin, stdout, stderr */
bool file_close(interp *in, file *f);
bool file_flush(interp *in, file *f);
bool file_write(interp *in, file *f, const char *s, size_t n); /* as it is */
/* Moves on to the next bytes of the buffer, reading when it is empty: 1, 0 at the end, -1. */
int file_fill(interp *in, file *f);
/* Bytes that a regular file has behind those in the buffer, about; 0: it is none, or at its end. */
size_t file_left(const file *f);
/* The next n bytes, not fewer than the buffer holds, put where they stay; fewer at the end. */
struct bytes *file_read_bytes(interp *in, file *f, size_t n);
int64_t file_seek(interp *in, file *f, int64_t to, int whence); /* -1 failed */
int64_t file_tell(interp *in, file *f);
/* Length of the line at s within n bytes, its end included; 0: no line end in there. */
size_t line_length(enum newline_mode mode, const char *s, size_t n, bool last);
value file_decode(interp *in, str *encoding, str *errors, const char *s, size_t n);

value throw_errno(interp *in, int code, value filename); /* OSError(code, text, filename) */
bool path_text(interp *in, value path, str **out);       /* str, bytes or __fspath__; owned */
