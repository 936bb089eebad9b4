/* engine/io/hdf5_scale.c - scales of dimensions: HDF5's own library for them, which keeps the
 * attributes on both sides as other programs expect them.  It is opened when it is asked for. */
#include <dlfcn.h>
#include <string.h>

#include "engine/io/hdf5_lib.h"

static const char soname[] = "libhdf5_serial_hl.so.100";

typedef herr_t (*set_fn)(hid_t dataset, const char *name);
typedef herr_t (*tie_fn)(hid_t dataset, hid_t scale, unsigned axis);

/* Stores the function of that name into *out; the library stays open. */
static bool find(const char *name, void *out, err *e)
{
    void *lib = dlopen(soname, RTLD_LAZY | RTLD_LOCAL), *at = lib ? dlsym(lib, name) : NULL;
    if (!at) return err_set(e, NotImplementedError, "scales of dimensions need %s", soname);
    memcpy(out, &at, sizeof at);
    return true;
}

bool h5_scale_make(h5obj *d, const char *name, err *e)
{
    set_fn set;
    TRY(find("H5DSset_scale", &set, e));
    h5_write_begin(d);
    const h5_lib *h = h5_enter(e);
    bool ok =
        h && (set(d->id, name) >= 0 ||
              err_set(e, RuntimeError, "Unspecified error in H5DSset_scale (return value <0)"));
    if (h) h5_leave();
    h5_write_end(d);
    return ok;
}

bool h5_scale_tie(h5obj *d, h5obj *scale, int axis, bool tie, err *e)
{
    const char *name = tie ? "H5DSattach_scale" : "H5DSdetach_scale";
    tie_fn call;
    TRY(find(name, &call, e));
    h5_write_begin(d);
    const h5_lib *h = h5_enter(e);
    bool ok = h && (call(d->id, scale->id, (unsigned)axis) >= 0 ||
                    err_set(e, RuntimeError, "Unspecified error in %s (return value <0)", name));
    if (h) h5_leave();
    h5_write_end(d);
    return ok;
}
