/* Which table runs: the best that this processor can, or the one that is asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kern/tables.h"
#include "sys/cpu.h"

/* What processors of each level can run, the best last. */
static const struct pw_kern *const tables[][5] = {
    { &pw_kern_reference, &pw_kern_reference_blas, NULL },
#ifdef PW_HAVE_AVX
    { &pw_kern_reference, &pw_kern_avx2_blas, &pw_kern_avx2, NULL },
    { &pw_kern_reference, &pw_kern_avx512_blas, &pw_kern_avx2, &pw_kern_avx512, NULL },
#endif
};

const struct pw_kern *const *pw_kern_all(void)
{
#ifdef PW_HAVE_AVX
    struct pw_cpu cpu = pw_cpu_detect();
    return tables[!cpu.avx2_fma ? 0 : !cpu.avx512 ? 1 : 2];
#else
    return tables[0];
#endif
}

static const struct pw_kern *best(void)
{
    const struct pw_kern *const *all = pw_kern_all();
    while (all[1] != NULL)
        all++;
    return *all;
}

static const struct pw_kern *by_name(const char *name)
{
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++)
        if (strcmp(name, (*all)->name) == 0)
            return *all;
    return NULL;
}

/* Whether some build has kernels of that name: then it is the processor that cannot, not the name that is wrong. */
static bool known(const char *name)
{
    static const char *const names[] = { "reference", "blas", "avx2", "avx512", NULL };
    int i = 0;
    while (names[i] != NULL && strcmp(names[i], name) != 0)
        i++;
    return names[i] != NULL;
}

static pwy_status fail_name(const char *name, const char *where)
{
    char names[128] = "";
    for (const struct pw_kern *const *all = pw_kern_all(); *all != NULL; all++) {
        size_t len = strlen(names);
        snprintf(names + len, sizeof names - len, "%s%s", len > 0 ? ", " : "", (*all)->name);
    }
    return pw_fail(known(name) ? PWY_E_UNSUPPORTED : PWY_E_ARGUMENT,
                   "%s '%s': no such kernels here; this build and processor have %s", where, name, names);
}

pwy_status pw_kern_choose(const char *force, const struct pw_kern **out)
{
    const char *env = getenv("PATHWAYS_KERNELS");
    const char *name = force != NULL ? force : env != NULL && *env != '\0' ? env : NULL;
    const struct pw_kern *kern = name != NULL ? by_name(name) : best();
    if (kern == NULL)
        return fail_name(name, force != NULL ? "kernels" : "PATHWAYS_KERNELS");
    *out = kern;
    return PWY_OK;
}
