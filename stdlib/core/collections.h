/* stdlib/core/collections.h - between deque.c and collections.c. */
#pragma once

#include "lang/lang.h"

extern const type T_deque;
