/* lang/compile_impl.h - what the files of the compiler share: a unit is one code in the making.
 *
 * Expressions leave their value in a register: a local (borrowed, where it stands) or the
 * temporary at the top, which belongs to whoever reads it next. `want` says where it must go. */
#pragma once

#include <string.h>

#include "lang/compile.h"
#include "lang/symtab.h"

enum { ANY = -1, NOREG = 0xffff, KEEP = 64, INPLACE = 128 };

typedef struct vec { /* grows in the arena */
    void *at;
    uint32_t n, cap;
} vec;
void *vec_add(arena *mem, vec *v, size_t size); /* a zeroed new item */
#define VEC_ADD(u, v, T) ((T *)vec_add((u)->c->mem, (v), sizeof(T)))
#define VEC_AT(v, T)     ((T *)(v)->at)

enum block_kind { B_LOOP, B_TRY, B_FINALLY, B_HANDLER, B_WITH, B_NAME, B_DROP, B_STAR };

typedef struct block { /* what encloses the statement being compiled */
    enum block_kind kind;
    struct block *outer;
    int reg;        /* loop: iterator or -1; handler, with: first register */
    uint32_t start; /* where the open range began */
    vec spans;      /* closed pieces of the range: (from, to) */
    vec breaks;     /* jumps to patch */
    uint32_t top_of_loop;
    ast_list final;   /* B_FINALLY */
    const char *name; /* B_NAME */
    bool async;
    const ast *at;
} block;

typedef struct compiler {
    arena *mem; /* temporaries */
    symtab table;
    syntax_error *why;
    const char *filename;
    unsigned flags;
    unsigned watched; /* enum watched */
    bool started;     /* a statement was compiled that may not stand before `from __future__` */
} compiler;

typedef struct unit {
    compiler *c;
    bytecode *code;
    scope *s;
    struct unit *outer;
    const ast *at; /* whose position instructions get */
    vec insn, pos, konst, site, sub, range;
    uint32_t nparam, nlocal, top, max;
    uint8_t *bound; /* locals that surely hold something */
    block *block;
    bool in_class_body;
    bool dead;       /* what follows is unreachable */
    const ast *last; /* the expression statement to echo */
    uint32_t nfree;
    vec free_names, cells;
} unit;

bool is_future(const ast *x); /* from __future__ import ... */
/* Annotations become constants where the module asks for that (unparse.c). */
void annotations_to_text(compiler *c, const ast *tree);
const char *expr_text(arena *mem, const ast *x); /* as ast.unparse; of simple expressions */

/* values at their last use (compile_last.c), which nothing in the program may see */
enum watched { WATCHES_LOCALS = 1, WATCHES_NAMES = 2 };
unsigned watched_by(const ast *tree); /* what it watches anywhere */
bool watches_here(const char *name);  /* does what has this name look at the locals of its user? */
void mark_last_locals(unit *u);
void mark_last_names(unit *u);
void mark_loaded_calls(unit *u); /* compile_load.c; after the others */

/* emitting */
uint32_t emit(unit *u, enum opcode op, unsigned x, unsigned a, unsigned b, unsigned c);
void emit_return(unit *u, enum opcode op, unsigned a);               /* RETURN or RETURNK of a */
uint32_t emit_jump(unit *u, enum opcode op, unsigned x, unsigned a); /* to be patched */
void patch(unit *u, uint32_t at);                                    /* jumps here */
void patch_all(unit *u, const vec *jumps);
void jump_back(unit *u, uint32_t to); /* LOOP */
void add_jump(unit *u, vec *jumps, uint32_t at);
uint32_t here(unit *u);
uint16_t temp(unit *u); /* the next temporary */
void top_to(unit *u, uint32_t top);
uint16_t site_of(unit *u, const char *name);
uint32_t konst_of(unit *u, konst k);
konst konst_make(unit *u, const ast *constant);
uint32_t konst_ast(unit *u, const ast *constant);
uint32_t konst_str(unit *u, const char *s);
void load_konst(unit *u, uint32_t k, unsigned reg);
bool fail_at(unit *u, const ast *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static inline bool is_temp(const unit *u, unsigned reg)
{
    return reg >= u->nlocal && reg != NOREG;
}

/* names */
unsigned load_name(unit *u, const char *name, int want);
void store_name(unit *u, const char *name, unsigned reg);
void delete_name(unit *u, const char *name);
int local_of(unit *u, const char *name); /* register of a plain local, -1 */
void set_bound(unit *u, int reg, bool yes);
uint8_t *save_bound(unit *u);
void restore_bound(unit *u, const uint8_t *b);
void meet_bound(unit *u, const uint8_t *b); /* both ways lead here */

/* expressions */
unsigned expr(unit *u, const ast *x, int want);
unsigned expr_temp(unit *u, const ast *x);               /* into the next temporary */
unsigned stable(unit *u, const ast *x, const ast *next); /* as expr, but survives evaluating next */
void jump_if(unit *u, const ast *x, bool sense, vec *jumps);
void store(unit *u, const ast *target, unsigned reg); /* consumes a temporary */
void del(unit *u, const ast *target);
unsigned lambda(unit *u, const ast *x, int want);
unsigned comprehension(unit *u, const ast *x, int want);
unsigned call(unit *u, const ast *x, int want);
/* func in `base`, then arguments and keywords; result in base. after: arguments already there */
void call_arguments(unit *u, unsigned base, ast_list args, ast_list keywords, bool method,
                    unsigned already, unsigned dst);
unsigned settle(unit *u, unsigned reg, int want); /* moves a value to where it must go */
unsigned dest(unit *u, int want); /* the register to write: want or the next temporary */
void await_value(unit *u, unsigned reg, unsigned kind); /* reg = await reg */
/* operators and constants (compile_op.c) */
unsigned constant(unit *u, const ast *x, int want);
bool all_konst(ast_list l);
int number_operand(unit *u, const ast *x);
void emit_binary(unit *u, enum ast_op op, unsigned inplace, unsigned a, unsigned b, bool k,
                 unsigned c);
unsigned binary(unit *u, const ast *x, int want);
unsigned unary(unit *u, const ast *x, int want);
unsigned compare(unit *u, const ast *x, int want);
unsigned bool_op(unit *u, const ast *x, int want);
unsigned if_exp(unit *u, const ast *x, int want);
bool may_be_konst(const ast *x);
bool konst_value(unit *u, const ast *x, konst *k);
void augment(unit *u, const ast *x);

/* statements and units */
void statements(unit *u, ast_list body);
void function_def(unit *u, const ast *x);
void class_def(unit *u, const ast *x);
void match_stmt(unit *u, const ast *x);
bool check_pattern(unit *u, const ast *p, bool last); /* last: it may fit whatever comes */
void try_stmt(unit *u, const ast *x);
void with_stmt(unit *u, const ast *x, size_t i);
void leave_blocks(unit *u, block *down_to, bool jumps);
void open_block(unit *u, block *b, enum block_kind kind);
void close_span(unit *u, block *b);
void close_block(unit *u, block *b); /* pops it */
void add_ranges(unit *u, block *b, enum range_kind kind, uint32_t target, unsigned depth);
unit *unit_open(compiler *c, unit *outer, scope *s, const char *name);
void unit_params(unit *u, const ast *args);
bytecode *unit_close(unit *u);
/* registers of a function object: defaults ... closure; then FUNC */
unsigned make_function(unit *u, unit *inner, const ast *args, const ast *returns, int want);
const ast *docstring(ast_list body);
