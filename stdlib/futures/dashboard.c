/* stdlib/futures/dashboard.c - the page of a cluster: one request after the other, from this
 * machine only.
 *
 *     GET /status   the page              GET /data?since=T   workers, tasks, what ended since T
 *     GET /health   "ok"                  GET /json/counts.json, /json/identity.json
 *
 * Nothing that a browser sends changes anything; what it sends is read up to a bound. */
#include "stdlib/futures/dashboard.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "engine/base/str.h"
#include "engine/run/ledger.h"
#include "stdlib/dask/worker_link.h"

struct dashboard {
    foreman *f; /* counted */
    fleet *p;   /* lives longer */
    int port, listening, ending;
    pthread_t thread;
    pthread_mutex_t lock;
    char *page, *facts; /* facts: under the lock */
};

/* ---- JSON ---- */

static void quote(strbuf *b, const char *s)
{
    sb_addc(b, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            sb_addf(b, "\\%c", c);
        else if (c < 32 || c == '<')
            sb_addf(b, "\\u%04x", c);
        else
            sb_addc(b, *s);
    }
    sb_addc(b, '"');
}

static void add_worker(const dashboard *d, strbuf *b, int i)
{
    hand_counts c = foreman_count(d->f, i);
    int64_t pid = d->p ? fleet_pid(d->p, i) : 0,
            owned = pid > 0 && !c.gone ? process_owned(pid) : 0;
    sb_addf(
        b,
        "%s{\"running\":%u,\"queued\":%u,\"held\":%u,\"bytes\":%llu,\"gone\":%s,\"memory\":%lld}",
        i ? "," : "", c.running, c.queued, c.held, (unsigned long long)c.bytes,
        c.gone ? "true" : "false", (long long)owned);
}

static void add_workers(const dashboard *d, strbuf *b)
{
    int n = foreman_hands(d->f);
    sb_adds(b, "[");
    for (int i = 0; i < n; i++) add_worker(d, b, i);
    sb_adds(b, "]");
}

enum { MOST_GROUPS = 40 };

static void add_groups(const dashboard *d, strbuf *b)
{
    tally t[MOST_GROUPS];
    size_t n = foreman_tally(d->f, t, MOST_GROUPS);
    sb_adds(b, "[");
    for (size_t i = 0; i < n; i++) {
        sb_adds(b, i ? ",{\"name\":" : "{\"name\":");
        quote(b, t[i].name);
        for (int s = ERRAND_WAITING; s <= ERRAND_ERRED; s++)
            sb_addf(b, ",\"%s\":%u", errand_state_name[s], t[i].n[s]);
        sb_adds(b, "}");
    }
    sb_adds(b, "]");
}

static void add_past(const dashboard *d, strbuf *b, double since)
{
    enum { MOST = 2000 };
    size_t n;
    entry *all = foreman_past(d->f, since, &n);
    sb_adds(b, "[");
    for (size_t first = n > MOST ? n - MOST : 0, i = first; i < n; i++) {
        sb_adds(b, i > first ? ",[" : "[");
        quote(b, all[i].key);
        sb_addf(b, ",%d,%.6f,%.6f,%d]", all[i].worker, all[i].begin, all[i].end, all[i].ok);
    }
    sb_adds(b, "]");
    ledger_free(all, n);
}

static void add_facts(dashboard *d, strbuf *b)
{
    pthread_mutex_lock(&d->lock);
    sb_adds(b, d->facts ? d->facts : "{}");
    pthread_mutex_unlock(&d->lock);
}

static void data(dashboard *d, strbuf *b, const char *query)
{
    const char *at = strstr(query, "since=");
    double since = at ? strtod(at + 6, NULL) : 0;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    sb_addf(b, "{\"now\":%.6f,\"facts\":", (double)now.tv_sec + 1e-9 * (double)now.tv_nsec);
    add_facts(d, b);
    sb_adds(b, ",\"workers\":");
    add_workers(d, b);
    sb_adds(b, ",\"groups\":");
    add_groups(d, b);
    sb_adds(b, ",\"past\":");
    add_past(d, b, isfinite(since) ? since : 0);
    sb_adds(b, "}");
}

static void counts(dashboard *d, strbuf *b, const char *query)
{
    tally t[MOST_GROUPS];
    size_t n = foreman_tally(d->f, t, MOST_GROUPS);
    uint64_t of[NERRAND_STATE] = {0}, all = 0, bytes = 0;
    int alive = 0;
    (void)query;
    for (size_t i = 0; i < n; i++)
        for (int s = 0; s < NERRAND_STATE; s++) of[s] += t[i].n[s], all += t[i].n[s];
    for (int i = 0; i < foreman_hands(d->f); i++) {
        hand_counts c = foreman_count(d->f, i);
        alive += !c.gone;
        bytes += c.bytes;
    }
    sb_addf(b,
            "{\"bytes\": %llu, \"erred\": %llu, \"memory\": %llu, \"processing\": %llu, "
            "\"tasks\": %llu, \"waiting\": %llu, \"workers\": %d}",
            (unsigned long long)bytes, (unsigned long long)of[ERRAND_ERRED],
            (unsigned long long)of[ERRAND_MEMORY], (unsigned long long)of[ERRAND_PROCESSING],
            (unsigned long long)all, (unsigned long long)(of[ERRAND_WAITING] + of[ERRAND_READY]),
            alive);
}

static void identity(dashboard *d, strbuf *b, const char *query)
{
    (void)query;
    add_facts(d, b);
}

static void page(dashboard *d, strbuf *b, const char *query)
{
    (void)query;
    sb_adds(b, d->page);
}

static void health(dashboard *d, strbuf *b, const char *query)
{
    (void)d, (void)query;
    sb_adds(b, "ok");
}

/* ---- requests ---- */

static const char html[] = "text/html; charset=UTF-8", json[] = "application/json; charset=UTF-8";

static const struct route {
    const char *path, *type;
    void (*add)(dashboard *d, strbuf *b, const char *query);
} routes[] = {
    {"/status", html, page},
    {"/workers", html, page},
    {"/tasks", html, page},
    {"/info/main/workers.html", html, page},
    {"/data", json, data},
    {"/json/counts.json", json, counts},
    {"/json/identity.json", json, identity},
    {"/health", "text/plain", health},
};

static const struct route *route_of(const char *path)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (!strcmp(routes[i].path, path)) return &routes[i];
    return NULL;
}

static void respond(dashboard *d, char *target, strbuf *out)
{
    char *query = strchr(target, '?');
    if (query) *query++ = 0;
    if (!strcmp(target, "/")) {
        sb_adds(out, "HTTP/1.1 302 Found\r\nLocation: status\r\nContent-Length: 0\r\n"
                     "Connection: close\r\n\r\n");
        return;
    }
    const struct route *r = route_of(target);
    strbuf body = {0};
    if (r)
        r->add(d, &body, query ? query : "");
    else
        sb_adds(&body, "not found");
    sb_addf(out,
            "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
            "Connection: close\r\n\r\n",
            r ? "200 OK" : "404 Not Found", r ? r->type : "text/plain", body.n);
    sb_add(out, body.at, body.n);
    sb_clear(&body);
}

/* The target of "GET target HTTP/1.1", ended by a NUL; NULL: something else. */
static char *target_of(char *request)
{
    if (strncmp(request, "GET /", 5)) return NULL;
    char *at = request + 4, *end = at + strcspn(at, " \r\n");
    *end = 0;
    return at;
}

/* Who asks may be slow, as long as nobody else waits: then a second of silence is enough.  False:
 * no longer, or the dashboard closes. */
static bool is_ready(const dashboard *d, int fd, short events)
{
    enum { SECOND = 1000, MOST_SECONDS = 60 };
    struct pollfd at[2] = {{.fd = fd, .events = events}, {.fd = d->ending, .events = POLLIN}};
    struct pollfd next = {.fd = d->listening, .events = POLLIN};
    for (int i = 0; i < MOST_SECONDS; i++) {
        int n = poll(at, 2, SECOND);
        if (n > 0) return !at[1].revents;
        if (n == 0 && poll(&next, 1, 0) > 0) return false;
    }
    return false;
}

static void serve(dashboard *d, int fd)
{
    enum { MOST = 8192 };
    char request[MOST + 1];
    size_t n = 0;
    request[0] = 0;
    while (n < MOST && !strstr(request, "\r\n\r\n")) {
        if (!is_ready(d, fd, POLLIN)) return;
        ssize_t k = recv(fd, request + n, MOST - n, 0);
        if (k <= 0) return;
        n += (size_t)k;
        request[n] = 0;
    }
    char *target = target_of(request);
    strbuf out = {0};
    if (target)
        respond(d, target, &out);
    else
        sb_adds(&out, "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n"
                      "Connection: close\r\n\r\n");
    for (size_t at = 0; at < out.n && is_ready(d, fd, POLLOUT);) {
        ssize_t k = send(fd, out.at + at, out.n - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (k <= 0) break;
        at += (size_t)k;
    }
    sb_clear(&out);
    shutdown(fd, SHUT_WR);
}

static void *listen_on(void *arg)
{
    dashboard *d = arg;
    struct pollfd at[2] = {{.fd = d->listening, .events = POLLIN},
                           {.fd = d->ending, .events = POLLIN}};
    for (;;) {
        if (poll(at, 2, -1) < 0 && errno != EINTR) break;
        if (at[1].revents) break;
        int fd = at[0].revents ? accept4(d->listening, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (fd < 0) continue;
        serve(d, fd);
        close(fd);
    }
    return NULL;
}

/* ---- life ---- */

static int socket_at(int port, bool *busy, err *e)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;
    if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (fd >= 0 && !bind(fd, (struct sockaddr *)&at, sizeof at) && !listen(fd, 16)) return fd;
    *busy = errno == EADDRINUSE;
    err_set(e, OSError, "the dashboard cannot listen on port %d: %s", port, strerror(errno));
    if (fd >= 0) close(fd);
    return -1;
}

dashboard *dashboard_open(foreman *f, fleet *p, int port, const char *page_text, bool *busy, err *e)
{
    *busy = false;
    int fd = socket_at(port, busy, e);
    if (fd < 0) return NULL;
    struct sockaddr_in at;
    socklen_t n = sizeof at;
    dashboard *d = mem_zero(sizeof *d);
    *d = (dashboard){.f = foreman_ref(f),
                     .p = p,
                     .listening = fd,
                     .ending = eventfd(0, EFD_CLOEXEC),
                     .page = mem_dup(page_text)};
    pthread_mutex_init(&d->lock, NULL);
    if (!getsockname(fd, (struct sockaddr *)&at, &n)) d->port = ntohs(at.sin_port);
    pthread_create(&d->thread, NULL, listen_on, d);
    return d;
}

int dashboard_port(const dashboard *d)
{
    return d->port;
}

void dashboard_facts(dashboard *d, const char *text)
{
    pthread_mutex_lock(&d->lock);
    mem_free(d->facts);
    d->facts = mem_dup(text);
    pthread_mutex_unlock(&d->lock);
}

void dashboard_close(dashboard *d)
{
    if (!d) return;
    uint64_t one = 1;
    while (write(d->ending, &one, sizeof one) < 0 && errno == EINTR) continue;
    pthread_join(d->thread, NULL);
    close(d->listening);
    close(d->ending);
    pthread_mutex_destroy(&d->lock);
    foreman_unref(d->f);
    mem_free(d->page);
    mem_free(d->facts);
    mem_free(d);
}
