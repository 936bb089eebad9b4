/* repl/version.c - versions of dsk, of what it speaks, and of the libraries that it opens. */
#include "repl/version.h"

#include <stdio.h>
#include <string.h>

#include "engine/io/hdf5_lib.h"
#include "engine/kernels/blas.h"

static void print_hdf5(void)
{
    err e = {0};
    const h5_lib *h = h5_enter(&e);
    if (h) {
        unsigned major, minor, release;
        h->get_libversion(&major, &minor, &release);
        h5_leave();
        printf("HDF5 %u.%u.%u\n", major, minor, release);
    } else {
        printf("HDF5 missing: %s\n", e.msg);
        err_clear(&e);
    }
}

static void print_blas(void)
{
    union { /* an object pointer is no function pointer in ISO C */
        lapack_function f;
        char *(*config)(void);
    } get = {lapack_find("openblas_get_config")};
    if (!get.f) {
        puts("OpenBLAS missing: products use dsk's own loops, factorisations fail");
        return;
    }
    const char *config = get.config(), *name = strstr(config, "OpenBLAS ");
    const char *version = name ? name + strlen("OpenBLAS ") : "?";
    printf("OpenBLAS %.*s, core %s\n", (int)strcspn(version, " "), version, blas_corename());
}

int version_print(void)
{
    printf("dsk %s\n", DSK_VERSION);
    puts("speaks Python 3.11, NumPy 1.24, Dask 2022.12, h5py 3.7");
    print_hdf5();
    print_blas();
    return 0;
}
