/* stdlib/re_parts.h - between the files of the module _re: patterns on PCRE2. */
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "engine/base/str.h"
#include "lang/lang.h"

enum re_flags {
    RE_IGNORECASE = 2,
    RE_LOCALE = 4,
    RE_MULTILINE = 8,
    RE_DOTALL = 16,
    RE_UNICODE = 32,
    RE_VERBOSE = 64,
    RE_DEBUG = 128,
    RE_ASCII = 256,
};

enum { MAX_GROUPS = 1000 };

typedef struct pattern {
    obj hdr;
    value source; /* str or bytes */
    uint32_t flags, ngroup;
    pcre2_code *code, *patient; /* the same with callouts, made when code's limit was reached */
    pcre2_code *placed[2];      /* for match() and fullmatch(), made when asked for */
    pcre2_match_data *spare;    /* of an earlier match, for the next */
    bool heavy;                 /* the match took much room */
    pcre2_match_context *pace;  /* of searches in long texts: how far to look at once */
    pcre2_match_context *slow;  /* of matches without the compiled code: fewer steps */
    pcre2_general_context *own; /* for what a match needs: our memory, which goes back later */
    strbuf text;                /* as PCRE2 has it */
    uint16_t *closes; /* when group i's parenthesis closes, counted in the pattern; from 1 */
    char **name;      /* of group i, NULL: it has none */
} pattern;

typedef struct match {
    obj hdr;
    pattern *re;
    value text;
    size_t pos, endpos, *at; /* bytes; at[2 i], at[2 i + 1]: group i, SIZE_MAX when unset */
} match;

extern const type T_pattern, T_match;

/* Python's syntax -> PCRE2's. Checks it on the way; false: re.error is pending. */
typedef struct translation {
    strbuf out;
    uint32_t flags, ngroup;
    uint16_t closes[MAX_GROUPS + 1];
    char *name[MAX_GROUPS + 1];
} translation;
bool re_translate(interp *in, value source, const char *s, size_t n, translation *t);
void translation_clear(translation *t);
value re_error(interp *in, value source, size_t byte, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The subject of a call: its bytes and the searched range. */
typedef struct subject {
    value v;
    const char *at;
    size_t n, from, to; /* bytes */
    bool ascii;
} subject;
bool subject_of(interp *in, const pattern *p, value v, value pos, value endpos, subject *s);
/* 1 found (*out new), 0 not, -1 failed.  `options` are PCRE2's. */
int pattern_match(interp *in, pattern *p, const subject *s, size_t from, uint32_t options,
                  match **out);
/* The next of several matches; last NULL: the first. */
int pattern_next(interp *in, pattern *p, const subject *s, const match *last, match **out);
value match_part(interp *in, const match *m, size_t from, size_t to);
value match_group(interp *in, const match *m, uint32_t i, value unset);
/* A group by number or name; -1: IndexError "no such group" */
int match_index(interp *in, const match *m, value v);
int pattern_group_named(const pattern *p, const char *name);

/* templates: the replacement of sub and expand */
typedef struct re_template {
    struct template_part {
        int group;        /* -1: only text */
        size_t from, len; /* of text, before the group */
    } * part;
    size_t npart;
    strbuf text;
} re_template;
bool template_parse(interp *in, pattern *p, value source, re_template *t);
void template_fill(const re_template *t, const match *m, strbuf *out);
void template_clear(re_template *t);
value re_sub(interp *in, pattern *p, value repl, value text, value count, int64_t *n);
