/* lang/compile_load.c - calls whose arguments are only loaded: names, constants.
 *
 * `x.method(a, 1)` and `len(a)` become METHOD or GLOBAL, a load for each argument, and the call.
 * Marked, the first of them may call a function of C with what the loads would bring, where it
 * is (vm_load.c); the others stay for all other functions. */
#include "lang/compile_impl.h"

static bool is_load(const insn *i, unsigned to)
{
    return (i->op == I_MOVE || i->op == I_LAST || i->op == I_LOADK || i->op == I_GLOBAL) &&
           i->c == to;
}

/* Is at[0] followed by up to MOST_LOADS loads into the registers from first on, and a call of base?
 */
static bool loads_and_calls(const insn *at, const insn *end, enum opcode call, unsigned base,
                            unsigned first)
{
    unsigned n = 0;
    const insn *i = at + 1;
    while (i < end && n < MOST_LOADS && is_load(i, first + n)) n++, i++;
    return i < end && i->op == call && i->a == base && i->b == n;
}

void mark_loaded_calls(unit *u)
{
    insn *at = u->insn.at, *end = at + u->insn.n;
    for (insn *i = at; i < end; i++) {
        if (i->op == I_METHOD && loads_and_calls(i, end, I_CALLM, i->c, i->c + 2u))
            i->op = I_METHODC;
        else if (i->op == I_GLOBAL && loads_and_calls(i, end, I_CALL, i->c, i->c + 1u))
            i->op = I_GLOBALC;
    }
}
