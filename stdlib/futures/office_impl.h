/* stdlib/futures/office_impl.h - the inside of an Office, which office.c makes and closes:
 * office_submit.c gives it work, office_look.c says what there is. */
#pragma once

#include "stdlib/futures/dashboard.h"
#include "stdlib/futures/fleet.h"
#include "stdlib/futures/handles.h"

typedef struct office {
    obj hdr;
    foreman *f;
    fleet *p;        /* processes: instead of t */
    team *t;         /* NULL: it belongs to another interpreter */
    dashboard *page; /* NULL: none */
    dict *known;     /* id(function) -> its datum, in a box that keeps the function */
    struct office *next;
} office;

office *office_peek(interp *in, value v); /* NULL: it is closed */
/* {name: amount} as an array; false: it fails, or there are too many kinds. */
bool office_amounts(interp *in, office *o, value v, double out[MAX_RESOURCES]);

/* Methods. */
value office_submit(interp *in, const value *arg);
value office_scatter(interp *in, const value *arg);
value office_find(interp *in, const value *arg);
value office_cancel(interp *in, const value *arg);
value office_retry(interp *in, const value *arg);
value office_workers(interp *in, const value *arg);
value office_tasks(interp *in, const value *arg);
value office_past(interp *in, const value *arg);
value office_note(interp *in, const value *arg);
value office_post(interp *in, const value *arg);
value office_now(interp *in, const value *arg);
value office_changed(interp *in, const value *arg);
value office_names(interp *in, const value *arg);
