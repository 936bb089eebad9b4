/* lang/types/uniname.h - the names of characters. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNINAME_MAX = 256 };

bool uniname_known(void); /* is there a list of names at all? */
/* The code point of a name (upper or lower case), -1: none has it. */
int64_t uniname_find(const char *name, size_t n);
/* The name of a code point into out; false: it has none. */
bool uniname_of(uint32_t cp, char out[UNINAME_MAX]);
