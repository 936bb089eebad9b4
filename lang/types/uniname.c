/* lang/types/uniname.c - the names of characters: Unicode 14's, from libunistring.
 *
 * The library is opened when a name is asked for and stays mapped, so that asking again costs
 * little and a program without names nothing. It leaves out ideographs, whose names are their
 * numbers, and controls, which have only aliases. */
#include "lang/types/uniname.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LIBRARY     "libunistring.so.2"
#define IDEOGRAPH   "CJK UNIFIED IDEOGRAPH-"
#define NO_SUCH     0xffff
#define COUNT(list) (sizeof(list) / sizeof *(list))

/* Unified ideographs of Unicode 14. */
static const uint32_t ideographs[][2] = {{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0x20000, 0x2a6df},
                                         {0x2a700, 0x2b738}, {0x2b740, 0x2b81d}, {0x2b820, 0x2cea1},
                                         {0x2ceb0, 0x2ebe0}, {0x30000, 0x3134a}};

/* Aliases of the controls, in the order of their numbers; several are cut by '/'. */
static const char *const controls[] = {
    "NULL/NUL",
    "START OF HEADING/SOH",
    "START OF TEXT/STX",
    "END OF TEXT/ETX",
    "END OF TRANSMISSION/EOT",
    "ENQUIRY/ENQ",
    "ACKNOWLEDGE/ACK",
    "ALERT/BEL",
    "BACKSPACE/BS",
    "CHARACTER TABULATION/HORIZONTAL TABULATION/HT/TAB",
    "LINE FEED/NEW LINE/END OF LINE/LF/NL/EOL",
    "LINE TABULATION/VERTICAL TABULATION/VT",
    "FORM FEED/FF",
    "CARRIAGE RETURN/CR",
    "SHIFT OUT/LOCKING-SHIFT ONE/SO",
    "SHIFT IN/LOCKING-SHIFT ZERO/SI",
    "DATA LINK ESCAPE/DLE",
    "DEVICE CONTROL ONE/DC1",
    "DEVICE CONTROL TWO/DC2",
    "DEVICE CONTROL THREE/DC3",
    "DEVICE CONTROL FOUR/DC4",
    "NEGATIVE ACKNOWLEDGE/NAK",
    "SYNCHRONOUS IDLE/SYN",
    "END OF TRANSMISSION BLOCK/ETB",
    "CANCEL/CAN",
    "END OF MEDIUM/EOM/EM",
    "SUBSTITUTE/SUB",
    "ESCAPE/ESC",
    "INFORMATION SEPARATOR FOUR/FILE SEPARATOR/FS",
    "INFORMATION SEPARATOR THREE/GROUP SEPARATOR/GS",
    "INFORMATION SEPARATOR TWO/RECORD SEPARATOR/RS",
    "INFORMATION SEPARATOR ONE/UNIT SEPARATOR/US",
};

/* A function of the library, NULL when it is not there. */
static void *function(const char *name)
{
    void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    void *at = handle ? dlsym(handle, name) : NULL;
    if (handle) dlclose(handle);
    return at;
}

bool uniname_known(void)
{
    return function("unicode_character_name") != NULL;
}

static bool is_ideograph(uint32_t cp)
{
    for (size_t i = 0; i < COUNT(ideographs); i++) {
        if (cp >= ideographs[i][0] && cp <= ideographs[i][1]) return true;
    }
    return false;
}

static int64_t find_ideograph(const char *name)
{
    if (strncasecmp(name, IDEOGRAPH, strlen(IDEOGRAPH)) != 0) return -1;
    const char *digits = name + strlen(IDEOGRAPH);
    size_t n = strspn(digits, "0123456789ABCDEF");
    uint32_t cp = (uint32_t)strtoul(digits, NULL, 16);
    return !digits[n] && (n == 4 || n == 5) && is_ideograph(cp) ? (int64_t)cp : -1;
}

static int64_t find_control(const char *name, size_t n)
{
    for (size_t i = 0; i < COUNT(controls); i++) {
        for (const char *s = controls[i]; s; s = strchr(s, '/')) {
            if (*s == '/') s++;
            if (strcspn(s, "/") == n && strncasecmp(s, name, n) == 0) return (int64_t)i;
        }
    }
    return n == 6 && strncasecmp(name, "DELETE", 6) == 0 ? 0x7f : -1;
}

int64_t uniname_find(const char *name, size_t n)
{
    char text[UNINAME_MAX];
    if (n == 0 || n >= sizeof text || name[0] == ' ' || name[n - 1] == ' ') return -1;
    memcpy(text, name, n);
    text[n] = 0;
    int64_t cp = find_ideograph(text);
    if (cp < 0) cp = find_control(text, n);
    if (cp >= 0) return cp;
    uint32_t (*find)(const char *);
    void *at = function("unicode_name_character");
    if (!at) return -1;
    memcpy(&find, &at, sizeof find);
    uint32_t found = find(text);
    return found == NO_SUCH ? -1 : (int64_t)found;
}

bool uniname_of(uint32_t cp, char out[UNINAME_MAX])
{
    if (is_ideograph(cp)) return snprintf(out, UNINAME_MAX, IDEOGRAPH "%04X", cp) > 0;
    char *(*name)(uint32_t, char *);
    void *at = function("unicode_character_name");
    if (!at) return false;
    memcpy(&name, &at, sizeof name);
    return name(cp, out) != NULL;
}
