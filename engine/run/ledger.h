/* engine/run/ledger.h - the runs of a scheduler that ended last, for reports: results may be gone
 * long since. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct entry {
    char *key, *type; /* type: of the result; NULL: none */
    char *why;        /* it failed; NULL: it did not */
    bool ok;
    int worker;
    double begin, end; /* seconds since 1970 */
    size_t bytes;
} entry;

typedef struct ledger { /* {0} is empty */
    entry *at;
    size_t n, first;
} ledger;

void ledger_add(ledger *l, const entry *e); /* copies the texts */
/* Those that ended at `since` or later, oldest first: ledger_free() them. */
entry *ledger_read(const ledger *l, double since, size_t *n);
void ledger_free(entry *at, size_t n);
void ledger_clear(ledger *l);
