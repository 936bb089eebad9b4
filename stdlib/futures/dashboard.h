/* stdlib/futures/dashboard.h - a cluster as a page for browsers of this machine: a thread that
 * answers HTTP requests with a page, and with what the page asks for again and again.  It reads the
 * scheduler only. */
#pragma once

#include "engine/run/foreman.h"
#include "stdlib/futures/fleet.h"

typedef struct dashboard dashboard;

/* port 0: any.  p: of clusters of processes; NULL.  NULL: *e, EADDRINUSE in its errno as *busy. */
dashboard *dashboard_open(foreman *f, fleet *p, int port, const char *page, bool *busy, err *e);
int dashboard_port(const dashboard *d);
void dashboard_facts(dashboard *d, const char *json); /* about the cluster, an object */
void dashboard_close(dashboard *d);                   /* NULL is fine */
