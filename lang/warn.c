/* lang/warn.c - warnings: shown once per place and text on fd 2, as Python shows them. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "lang/exc.h"
#include "lang/frame.h"
#include "lang/trace.h"

static bool is_quiet(enum err_kind k)
{
    return k == DeprecationWarning || k == PendingDeprecationWarning || k == ImportWarning ||
           k == ResourceWarning;
}

static void show(interp *in, const char *filename, uint32_t line, const char *name, const char *msg)
{
    strbuf b = {0};
    sb_addf(&b, "%s:%u: %s: %s\n", filename, line, name, msg);
    char *text = trace_line(in, filename, line);
    if (text) {
        size_t k = strspn(text, " \t\f");
        if (text[k]) sb_addf(&b, "  %s\n", text + k);
    }
    mem_free(text);
    if (in->host.write) in->host.write(in->host.ctx, 2, sb_text(&b), b.n);
    sb_clear(&b);
}

/* Has this one been shown already? */
static bool seen(interp *in, const char *key)
{
    if (!in->warned && !(in->warned = dict_new(in))) return true;
    if (!is_fail(dict_peek(in, in->warned, key))) return true;
    dict_put(in, in->warned, key, v_bool(true));
    return false;
}

/* Once per place and text, unless the category is one that is not shown. */
static void show_once(interp *in, enum err_kind category, const char *filename, uint32_t line,
                      const char *text)
{
    strbuf key = {0};
    if (is_quiet(category)) return;
    sb_addf(&key, "%s:%u:%d:%s", filename, line, (int)category, text);
    if (!seen(in, sb_text(&key))) show(in, filename, line, err_name(category), text);
    sb_clear(&key);
}

/* A function of the warnings module, whose filters decide when a program has loaded it. */
static bool find_filter(interp *in, const char *name, value *f)
{
    value mod = dict_peek(in, in->modules, "warnings");
    return !is_fail(mod) && value_findattr(in, mod, name, f) == 1;
}

bool warn_at(interp *in, enum err_kind category, const char *filename, uint32_t line,
             const char *text)
{
    value f;
    if (!find_filter(in, "warn_explicit", &f)) {
        if (!is_quiet(category)) show(in, filename, line, err_name(category), text);
        return true;
    }
    value s = v_str(in, text), file = v_str(in, filename);
    value r = is_fail(s) || is_fail(file)
                  ? FAIL
                  : call_n(in, f, 4, s, v_type(exc_type(category)), file, v_int(line));
    value_unref(in, s);
    value_unref(in, file);
    value_unref(in, f);
    value_unref(in, r);
    return !is_fail(r);
}

/* level: frames above the one that runs, as stacklevel is; the text goes */
static bool warn_above(interp *in, enum err_kind category, int level, strbuf *msg)
{
    const frame *f = in->frame;
    for (int i = 1; f && i < level; i++) f = f->back;
    const char *filename = f ? f->link->code->filename : "<sys>";
    uint32_t line = f ? code_pos(f->link->code, frame_at(f)).line : 1;
    value m;
    bool ok = true;
    if (find_filter(in, "warn", &m)) {
        value text = v_obj(str_new(in, sb_text(msg), msg->n));
        value r =
            is_fail(text) ? FAIL : call_n(in, m, 3, text, v_type(exc_type(category)), v_int(level));
        ok = !is_fail(r);
        value_unref(in, r);
        value_unref(in, text);
        value_unref(in, m);
    } else
        show_once(in, category, filename, line, sb_text(msg));
    sb_clear(msg);
    return ok;
}

bool warn(interp *in, enum err_kind category, const char *fmt, ...)
{
    strbuf msg = {0};
    va_list ap;
    va_start(ap, fmt);
    sb_addv(&msg, fmt, ap);
    va_end(ap);
    return warn_above(in, category, 1, &msg);
}

bool warn_program(interp *in, enum err_kind category, const char *text)
{
    strbuf msg = {0};
    int level = 1;
    for (const frame *f = in->frame; f && f->back; f = f->back, level++)
        if (strncmp(f->link->code->filename, "<dsk>/", 6)) break;
    sb_adds(&msg, text);
    return warn_above(in, category, level, &msg);
}
