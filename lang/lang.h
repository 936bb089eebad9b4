/* lang/lang.h - the face of lang: interpreters, generic operations, calls, errors, modules.
 *
 * Everything takes the interpreter first.  Arguments are borrowed, results owned;
 * FAIL / false / NULL / -1 means an exception is pending in the interpreter. */
#pragma once

#include <stdarg.h>

#include "engine/base/err.h"
#include "lang/type.h"
#include "lang/types/dict.h"
#include "lang/types/num.h"
#include "lang/types/seq.h"
#include "lang/types/str.h"

/* ---- interpreters ---- */

typedef struct host { /* how an interpreter reaches the outside; all optional but write */
    void *ctx;
    /* fd 1 or 2; n 0: what was written before is to be seen now */
    void (*write)(void *ctx, int fd, const char *s, size_t n);
    char *(*ask)(void *ctx, const char *prompt); /* input(): mem_*, NULL at end of file */
    void (*display)(void *ctx, value v, const char *const (*bundle)[2],
                    size_t n); /* (mime, data) */
    /* Ctrl-C: while *signal is not 0, loops, calls and long operations ask `interrupted`, which
     * takes note of the answer.  Both or neither. */
    const _Atomic int *signal;
    bool (*interrupted)(void *ctx);
    /* a long computation tells how far it is; done == total: it has ended, well or not */
    void (*progress)(void *ctx, uint64_t done, uint64_t total);
} host;

typedef struct module module;
typedef struct module_def { /* a module written in C (its dsk part, if any, is embedded beside it)
                             */
    const char *name;       /* dotted */
    const char *doc;
    const builtin *table;
    bool (*open)(interp *in, module *m); /* constants, types; may be NULL */
} module_def;

/* modules: ends with NULL; const and shared. */
interp *interp_open(const host *h, const module_def *const *modules);
void interp_close(interp *in);
/* Gives memory back that nothing lies in any more, where that is much; between tasks. */
void interp_trim(interp *in);
const host *interp_host(interp *in);
/* The interpreter that this thread runs; NULL: none. */
interp *interp_current(void);
/* Which type a V_SCALAR with this aux has. Set by stdlib before anything runs. */
void interp_scalar_type(interp *in, uint32_t aux, const type *t);

/* Runs source text in a namespace. mode: 'f' file; 'c' cell: *echo gets the value of the last
 * expression, or FAIL when there is none; 'e' expression; 's' a program: nothing runs in the
 * namespace afterwards.  False: an exception is pending. */
bool interp_run(interp *in, const char *text, size_t n, const char *filename, char mode,
                dict *globals, value *echo);
dict *interp_main(interp *in);                     /* lends __main__'s namespace */
value interp_import(interp *in, const char *name); /* "a.b": gives a.b itself, owned */
/* Has an embedded module a def or class of that name?  Nothing is imported. */
bool embedded_defines(const char *of, const char *name);
void interp_set_argv(interp *in, int argc, char **argv);

/* The place of the thread's context of decimal arithmetic, which is whoever writes it to set: FAIL
 * at first, owned. */
value *interp_arithmetic(interp *in);

/* time.sleep(): false with an exception pending. The hook, when there is one, does the waiting. */
typedef bool (*sleep_hook)(interp *in, double seconds);
void interp_on_sleep(interp *in, sleep_hook f);
bool interp_sleep(interp *in, double seconds);
/* Has the program several threads?  Then who waits for something outside only looks for it, and
 * rests between two looks, so that the others run: for a moment at first (*step is 0), then longer.
 * False: exception. */
bool interp_several(const interp *in);
bool interp_rest(interp *in, double *step);
/* Handlers of signals that have come (signal.signal) run now; false: one has raised. */
bool interp_attend(interp *in);
/* Before a read or write (POLLIN, POLLOUT) that may wait: the others run until it need not. */
bool interp_await_fd(interp *in, int fd, int events);

/* ---- modules ---- */

dict *module_dict(module *m);                                      /* lends */
bool module_put(interp *in, module *m, const char *name, value v); /* takes v; FAIL fails */
bool module_put_type(interp *in, module *m, const type *t);        /* under its own name */

/* ---- exceptions ---- */

/* Raises kind(message). Always FAIL, so that `return throw(in, TypeError, ...)` reads well;
 * in functions returning a pointer, bool or -1: THROW0, THROWN. */
value throw(interp * in, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#define THROW0(in, ...) (throw((in), __VA_ARGS__), (void *)0)
#define THROWN(in, ...) (throw((in), __VA_ARGS__), -1)
value throw_value(interp *in, value exc); /* borrows an exception instance or class */
value throw_key(interp *in, value key);   /* KeyError(key) */
value throw_err(interp *in, err *e); /* an engine failure becomes the exception; e is cleared */
bool throwing(const interp *in);     /* is one pending? */
value exc_take(interp *in);          /* moves the pending exception out (owned), FAIL if none */
void exc_clear(interp *in);
bool exc_is(const interp *in, enum err_kind kind); /* the pending one, by class */
const type *exc_type(enum err_kind kind);
value exc_new(interp *in, enum err_kind kind, const char *msg);
/* Moves the pending exception into an err, frozen, so that it can cross threads. */
void exc_to_err(interp *in, err *e);
enum err_kind exc_kind(const type *t); /* the nearest builtin class */
/* Traceback text exactly as CPython prints it, for an exception value. mem_free it. */
char *exc_text(interp *in, value exc);
/* warnings.warn: shown once per place on fd 2; may raise when filters say error */
bool warn(interp *in, enum err_kind category, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* the same for where the program called the library that runs now */
bool warn_program(interp *in, enum err_kind category, const char *text);
/* the same for a place in a source text */
bool warn_at(interp *in, enum err_kind category, const char *filename, uint32_t line,
             const char *text);

/* ---- objects ---- */

const type *type_of_unboxed(interp *in, value v); /* of what is no V_OBJ */
static inline const type *type_of(interp *in, value v)
{
    return v.kind == V_OBJ ? v.o->type : type_of_unboxed(in, v);
}
bool value_isa(interp *in, value v, const type *t); /* obj_isa for any value */
bool type_is_sub(const type *t, const type *of);
/* A zeroed instance (rc 1) of t->size + extra bytes; of heap types with their dict. NULL:
 * MemoryError */
void *obj_new(interp *in, const type *t, size_t extra);
/* Looks a name up along the class's MRO: borrowed, FAIL (nothing pending) when absent. */
value type_lookup(interp *in, const type *t, str *name);
dict *obj_dict(interp *in, obj *o, bool make); /* lends the instance dict, NULL if it has none */
/* A class in a message as CPython shows it: "int", "numpy.ndarray", of user classes the bare name.
 * throw(in, TypeError, "'" TYPE_FMT "' object is not iterable", TYPE_ARG(t)) */
const char *type_prefix(const type *t); /* "numpy.", or "" */
#define TYPE_FMT    "%s%s"
#define TYPE_ARG(t) type_prefix(t), (t)->name
const char *type_said(interp *in, value v); /* the same for the class of v, as one text */
value v_type(const type *t);                /* the class as a value */
const type *as_type(value v);               /* NULL when v is not a class */
extern const value NOTIMPL, ELLIPSIS;
static inline bool is_notimpl(value v)
{
    return v.kind == V_OBJ && v.o->type == &T_notimplemented;
}

/* ---- generic operations (lang/ops.c) ---- */

str *value_repr(interp *in, value v);
str *value_str(interp *in, value v);
str *value_format(interp *in, value v, str *spec);
bool value_hash(interp *in, value v, uint64_t *out); /* equal values hash alike: 1, 1.0, True */
int value_truth(interp *in, value v);                /* 1 0 -1 */
int value_eq(interp *in, value a, value b);          /* a is b or a == b: 1 0 -1 */
bool value_same(value a, value b);                   /* a is b */
value value_compare(interp *in, enum cmpop op, value a, value b);
value value_binary(interp *in, enum binop op, value a, value b);
/* The same for a caller that drops operands right after: bit 0 of spent for a, bit 1 for b. */
value value_binary_spent(interp *in, enum binop op, value a, value b, unsigned spent);
/* Would nobody see it if the value died, before its variable does?  Looks into what it holds, but
 * no deeper than `depth`. */
enum { QUIET_DEPTH = 5 };
bool value_quiet(value v, int depth);
value value_inplace(interp *in, enum binop op, value a, value b);
value value_unary(interp *in, enum unop op, value a);
int64_t value_len(interp *in, value v); /* -1 failed */
value value_getitem(interp *in, value v, value key);
bool value_setitem(interp *in, value v, value key, value to); /* to FAIL: delete */
int value_contains(interp *in, value v, value item);
value value_iter(interp *in, value v);
int iter_next(interp *in, value it, value *out); /* 1 an item (owned), 0 exhausted, -1 failed */
value next_or_stop(interp *in, value it); /* next(it): exhausted raises StopIteration(value) */
value value_getattr(interp *in, value v, str *name);
value value_getattr_c(interp *in, value v, const char *name);
/* 1 found (owned), 0 absent (nothing pending), -1 failed */
int value_lookattr(interp *in, value v, str *name, value *out);
int value_findattr(interp *in, value v, const char *name, value *out);
bool value_setattr(interp *in, value v, str *name, value to); /* to FAIL: delete */
value generic_getattr(interp *in, value v, str *name);        /* what a NULL slot does */
bool generic_setattr(interp *in, value v, str *name, value to);
bool value_callable(interp *in, value v);

/* ---- calls ---- */

/* kwnames (or NULL) names the last kwnames->n values of arg, which stand after the npos positional
 * ones. */
value value_call(interp *in, value f, const value *arg, size_t npos, tuple *kwnames);
value call_n(interp *in, value f, int n, ...); /* n borrowed values */
value call_method(interp *in, value self, const char *name, int n, ...);
value call_with(interp *in, value f, value args,
                value kwargs); /* f(*args, **kwargs); kwargs may be FAIL */
value cfunc_new(interp *in, const builtin *row, value self); /* self FAIL: a plain function */
/* Binds a call to a signature text once, for `make` and `call` slots that want keywords:
 * out[] gets one borrowed-or-default value per parameter (see builtin.sig); release with
 * args_clear. */
bool args_bind(interp *in, const char *sig, const value *arg, size_t npos, tuple *kwnames,
               value *out, size_t nout);
void args_clear(interp *in, value *out, size_t nout);
/* Python code that runs from C uses the C stack: false + RecursionError when little is left. */
bool check_stack(interp *in);
/* False with KeyboardInterrupt pending after a Ctrl-C.  A load and a branch: for loops in C that
 * may take longer than a few milliseconds. */
bool check_interrupt(interp *in);
/* At the prompt, or when a Ctrl-C has been dealt with: drops a little of what it left.  False:
 * nothing more, or another one is pending. */
bool interp_tidy(interp *in);
/* Takes an array of n values and its block (mem_alloc); while a Ctrl-C is on its way they are
 * dropped later. */
void values_drop(interp *in, value *at, int64_t n);
/* Takes many values, of which some may be FAIL, and has end(block) called when they are dropped;
 * false: it is not worth it. */
bool values_leave(interp *in, value *at, int64_t n, void (*end)(void *block), void *block);
/* As memcpy and memset, for sizes that take long: false with KeyboardInterrupt after a Ctrl-C. */
bool memory_copy(interp *in, void *to, const void *from, size_t n);
bool memory_fill(interp *in, void *to, char c, size_t n);

/* ---- slices ---- */

typedef struct slice {
    obj hdr;
    value start, stop, step;
} slice;
value slice_new(interp *in, value start, value stop, value step); /* counts them */
static inline slice *as_slice(value v)
{
    return v.kind == V_OBJ && v.o->type == &T_slice ? (slice *)v.o : NULL;
}
/* start, stop, step and the number of items for a length, as slice.indices does */
/* The two halves of it, for what the __index__ of a bound may change meanwhile. */
bool slice_bounds(interp *in, const slice *s, int64_t *start, int64_t *stop, int64_t *step);
int64_t slice_fit(int64_t len, int64_t *start, int64_t *stop, int64_t step); /* the count */
bool slice_indices(interp *in, const slice *s, int64_t len, int64_t *start, int64_t *stop,
                   int64_t *step, int64_t *count);
