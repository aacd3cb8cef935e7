/* Which table runs: the best that this processor can, or the one that is asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kern/onednn.h"
#include "kern/tables.h"
#include "sys/cpu.h"

/* What processors of each level can run, the best last. The products in floats are the same in all but "blas". */
static const struct pw_kern *const tables[][7] = {
    { &pw_kern_reference, &pw_kern_reference_blas, NULL },
#ifdef PW_HAVE_AVX
    { &pw_kern_reference, &pw_kern_avx2_blas, &pw_kern_avx2, NULL },
    { &pw_kern_reference, &pw_kern_avx512_blas, &pw_kern_avx2, &pw_kern_avx512, NULL },
    { &pw_kern_reference, &pw_kern_avx512_blas, &pw_kern_avx2, &pw_kern_avx512, &pw_kern_avx512bf16, NULL },
    { &pw_kern_reference, &pw_kern_avx512_blas, &pw_kern_avx2, &pw_kern_avx512, &pw_kern_avx512bf16, &pw_kern_amx,
      NULL },
#endif
};

static int level(void)
{
#ifdef PW_HAVE_AVX
    struct pw_cpu cpu = pw_cpu_detect();
    return !cpu.avx2_fma ? 0 : !cpu.avx512 ? 1 : !cpu.avx512_bf16 ? 2 : !cpu.amx_bf16 ? 3 : 4;
#else
    return 0;
#endif
}

const struct pw_kern *const *pw_kern_all(void)
{
    return tables[level()];
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
    static const char *const names[] = { "reference", "blas", "avx2", "avx512", "avx512bf16", "amx", NULL };
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
                   "%s '%s': no such kernels here; this build and processor have %s, and onednn where its module is "
                   "installed", where, name, names);
}

#ifdef PATHWAYS_DOUBLE
static pwy_status choose_onednn(const struct pw_kern **out)
{
    (void)out;
    return pw_fail(PWY_E_UNSUPPORTED, "kernels 'onednn': this build computes in double");
}

const char *pw_kern_bf16_by(const struct pw_kern *kern)
{
    (void)kern;
    return "widening";
}
#else
static pwy_status choose_onednn(const struct pw_kern **out)
{
    const char *error;
    if (pw_onednn_open(&error) == NULL)
        return pw_fail(PWY_E_UNSUPPORTED, "kernels 'onednn': its module is not to be had: %s", error);
    *out = &pw_kern_reference_onednn;
#ifdef PW_HAVE_AVX
    if (level() > 0)
        *out = level() == 1 ? &pw_kern_avx2_onednn : &pw_kern_avx512_onednn;
#endif
    return PWY_OK;
}

const char *pw_kern_bf16_by(const struct pw_kern *kern)
{
    const struct pw_onednn *module = strcmp(kern->name, "onednn") == 0 ? pw_onednn_open(NULL) : NULL;
    if (module != NULL && module->has_bf16)
        return module->isa;
    return strcmp(kern->name, "amx") == 0 || strcmp(kern->name, "avx512bf16") == 0 ? kern->name : "widening";
}
#endif

pwy_status pw_kern_choose(const char *force, const struct pw_kern **out)
{
    const char *env = getenv("PATHWAYS_KERNELS");
    const char *name = force != NULL ? force : env != NULL && *env != '\0' ? env : NULL;
    if (name != NULL && strcmp(name, "onednn") == 0)
        return choose_onednn(out);
    const struct pw_kern *kern = name != NULL ? by_name(name) : best();
    if (kern == NULL)
        return fail_name(name, force != NULL ? "kernels" : "PATHWAYS_KERNELS");
    *out = kern;
    return PWY_OK;
}
