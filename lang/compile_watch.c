/* lang/compile_watch.c - does a program look at its own variables, or at the end of values?
 *
 * It does when it uses one of these names, be it as a name, an attribute or a module.  Then
 * variables keep what they hold as long as they would in Python (compile_last.c). */
#include "lang/compile_impl.h"

typedef struct word {
    const char *text;
    uint8_t n;
    uint8_t watches; /* enum watched */
    bool plain;      /* as a name only: the attribute is another thing */
} word;

#define WORD(text, watches, plain)                                                                 \
    {                                                                                              \
        text, sizeof text - 1, watches, plain                                                      \
    }
#define LOCALS(text) WORD(text, WATCHES_LOCALS, false)
#define NAMES(text)  WORD(text, WATCHES_NAMES, false)
static const word words[] = {
    /* frames, tools that show them, and the life of objects */
    LOCALS("_getframe"),
    LOCALS("_current_frames"),
    LOCALS("f_locals"),
    LOCALS("currentframe"),
    LOCALS("inspect"),
    LOCALS("settrace"),
    LOCALS("setprofile"),
    LOCALS("breakpoint"),
    LOCALS("pdb"),
    LOCALS("set_trace"),
    LOCALS("weakref"),
    LOCALS("finalize"),
    LOCALS("__del__"),
    LOCALS("getrefcount"),
    LOCALS("get_referrers"),
    LOCALS("get_objects"),
    LOCALS("tracemalloc"),
    LOCALS("__array_interface__"),
    LOCALS("ctypes"),
    WORD("id", WATCHES_LOCALS, true),
    /* the names of a module, and what runs text among them */
    NAMES("globals"),
    NAMES("__globals__"),
    NAMES("get_type_hints"),
    NAMES("locals"),
    NAMES("eval"),
    NAMES("exec"),
    NAMES("query"),
    NAMES("evaluate"),
    NAMES("__main__"),
    NAMES("__dict__"),
    NAMES("__import__"),
    NAMES("builtins"),
    NAMES("modules"),
    NAMES("import_module"),
    NAMES("reload"),
    NAMES("f_globals"),
    NAMES("runpy"),
    NAMES("timeit"),
    NAMES("doctest"),
    NAMES("cProfile"),
    NAMES("profile"),
    NAMES("IPython"),
    NAMES("get_ipython"),
    NAMES("embed"),
    NAMES("interact"),
    NAMES("who_has"),
    NAMES("has_what"),
    NAMES("futures_of"),
    WORD("vars", WATCHES_NAMES, true),
    WORD("dir", WATCHES_NAMES, true),
};

static unsigned watches(const char *at, size_t n, bool plain)
{
    unsigned found = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const word *w = &words[i];
        if (w->n == n && (plain || !w->plain) && !memcmp(w->text, at, n)) found |= w->watches;
    }
    return found;
}

bool watches_here(const char *name)
{
    static const char *const own[] = {"locals", "vars",  "dir",      "eval",
                                      "exec",   "query", "evaluate", NULL};
    int i = 0;
    while (own[i] && strcmp(own[i], name) != 0) i++;
    return own[i] != NULL;
}

typedef struct search {
    unsigned found;
    bool plain;
    const ast *called; /* of the call that is looked at: what it calls */
} search;

static void look_at(void *data, const ast *x);

static void look_at_field(void *data, enum ast_field sort, const char *name, const void *at)
{
    search *s = data;
    (void)name;
    if (sort == F_TEXT) {
        const ast_text *t = at;
        if (t->at) s->found |= watches(t->at, t->n, s->plain);
    }
}

static void look_at(void *data, const ast *x)
{
    search *s = data;
    if (x->kind == N_Constant) {
        const ast_text t = x->Constant.s; /* getattr(x, "eval"), but not __name__ == "__main__" */
        if (x->Constant.type == C_STR && strcmp(t.at, "__main__") != 0)
            s->found |= watches(t.at, t.n, false);
        return;
    }
    s->plain = x->kind == N_Name;
    ast_visit(x, look_at_field, s);
    if (s->plain && s->called != x && watches_here(x->Name.id.at))
        s->found |= WATCHES_LOCALS;                  /* it may be called by another name */
    if (x->kind == N_Call) s->called = x->Call.func; /* the next one */
    ast_each(x, look_at, s);
}

unsigned watched_by(const ast *tree)
{
    search s = {0};
    ast_each(tree, look_at, &s);
    return s.found;
}
