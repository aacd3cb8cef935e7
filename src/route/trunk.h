#ifndef PW_ROUTE_TRUNK_H
#define PW_ROUTE_TRUNK_H
#include "route/block.h"

struct pw_trunk {
    struct pw_trunk_config config;
    struct pw_block *block;             /* [layers] */
    struct pw_param *norm;
    int32_t *routed;                    /* (experts): the ids that the routers know */
};

/* out = the last norm of in, run by run; rstd (T) or NULL. */
pwy_status pw_trunk_last_norm(const struct pw_trunk *t, struct pw_exec *x, const struct pw_runs *runs, const real *in,
                              real *out, real *rstd);
#endif
