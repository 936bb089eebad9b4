/* stdlib/core/os_parts.h - what os.c, os_process.c and os_conf.c share: the rows of _os that
 * are in the last two. */
#pragma once

#include "stdlib/stdlib.h"

extern char **environ;

/* NONE when the call on a path succeeded, else the OSError of errno */
value os_done(interp *in, int failed, value path);

value os_spawn(interp *in, const value *arg);
value os_wait(interp *in, const value *arg);
value os_kill(interp *in, const value *arg);
value os_pipe(interp *in, const value *arg);
value os_communicate(interp *in, const value *arg);
value os_system(interp *in, const value *arg);
value os_sysconf(interp *in, const value *arg);
value os_confstr(interp *in, const value *arg);
bool os_put_names(interp *in, module *m); /* sysconf_names, confstr_names */
