/* engine/base/find.h - the first place of some bytes among others. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* As memmem(), quicker on short texts: it sets nothing up. NULL: nowhere. */
const char *memory_find(const char *s, size_t n, const char *what, size_t m);
/* Are all of them below 128? */
bool memory_is_ascii(const char *s, size_t n);
