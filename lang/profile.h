/* lang/profile.h - which functions run, how often, how long, and called by whom: what cProfile
 * shows.
 *
 * While a profile is on, in->quick_limit is 0: every frame is pushed by frame_push, which notes it
 * and flags it FRAME_NOTED, so that its end is noted, too. Otherwise nothing of this is ever run.
 */
#pragma once

#include "lang/frame.h"

void profile_start(interp *in); /* begins, with nothing counted yet */
/* Ends it: a list of (file, line, name, calls, calls not from within itself, seconds of its own,
 * seconds in all, [(row of the caller, calls, ..., seconds in all), ...]). FAIL: exception. */
value profile_stop(interp *in);
void profile_close(interp *in);
void profile_enter(interp *in, frame *f);
void profile_leave(interp *in, frame *f);
