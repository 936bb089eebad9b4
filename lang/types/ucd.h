/* lang/types/ucd.h - properties and case of code points, as Python's str methods see them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

int cp_decimal(uint32_t cp); /* the digit's value, -1: no decimal digit */
bool cp_is_digit(uint32_t cp);
bool cp_is_numeric(uint32_t cp);
bool cp_is_alpha(uint32_t cp);
bool cp_is_far_space(uint32_t cp); /* beyond ASCII */
static inline bool cp_is_space(uint32_t cp)
{
    if (cp < 128) return cp == ' ' || cp - 9 < 5 || cp - 0x1c < 4;
    return cp_is_far_space(cp);
}
bool cp_is_linebreak(uint32_t cp);
bool cp_is_lower(uint32_t cp);
bool cp_is_upper(uint32_t cp);
bool cp_is_title(uint32_t cp);
bool cp_is_printable(uint32_t cp);
bool cp_is_id_start(uint32_t cp);
bool cp_is_id_continue(uint32_t cp);
bool cp_is_case_ignorable(uint32_t cp);

/* Full mappings: one to three code points; their number. */
int cp_upper(uint32_t cp, uint32_t out[3]);
int cp_lower(uint32_t cp, uint32_t out[3]);
int cp_title(uint32_t cp, uint32_t out[3]);
int cp_fold(uint32_t cp, uint32_t out[3]);
