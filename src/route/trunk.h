#ifndef PW_ROUTE_TRUNK_H
#define PW_ROUTE_TRUNK_H
#include "route/block.h"

struct pw_trunk {
    struct pw_trunk_config config;
    struct pw_block *block;             /* [layers] */
    struct pw_param *norm;
    double *load;                       /* (layers, E); NULL: dense */
};
#endif
