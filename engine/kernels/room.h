/* engine/kernels/room.h - memory to work in, as blocks have it: large pages that are used again. */
#pragma once

#include <stddef.h>

#include "engine/base/err.h"

void *room_alloc(size_t bytes, err *e);
void room_free(void *room); /* NULL is fine */
