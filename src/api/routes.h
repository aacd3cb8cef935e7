/* What router.c, session.c and routes.c share: a computation is given a tape or a record, and holds it. */
#ifndef PW_API_ROUTES_H
#define PW_API_ROUTES_H
#include "kern/exec.h"
#include "pathways/routes.h"

pwy_status pw_exec_use_routes(struct pw_exec *x, pwy_routes *routes, pwy_routes_mode mode);
pwy_status pw_exec_use_record(struct pw_exec *x, const pwy_model *model, pwy_record *record);     /* NULL: none */
#endif
