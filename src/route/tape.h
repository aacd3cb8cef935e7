/* Routes that are kept: a tape takes down who met whom, routing after routing, and plays it back to another pass of the
   same shape. What is played are the choices; gates are made anew from the pass's own logits. */
#ifndef PW_ROUTE_TAPE_H
#define PW_ROUTE_TAPE_H
#include <stdbool.h>
#include "base/mem.h"
#include "route/router.h"

enum pw_tape_mode { PW_TAPE_OFF, PW_TAPE_RECORD, PW_TAPE_REPLAY };

/* data: for each routing MARK, layer, rows, pairs, then (rows + 1) starts of the rows' pairs and (pairs) experts, -1
   for none. */
struct pw_tape {
    int count;                          /* atomic references */
    enum pw_tape_mode mode;
    int32_t *data; size_t len, cap;     /* in words */
    size_t at;                          /* replay: the next routing */
    int64_t routings;
};

pwy_status pw_tape_new(struct pw_tape **out);
struct pw_tape *pw_tape_hold(struct pw_tape *tape);
void pw_tape_release(struct pw_tape *tape);                         /* NULL allowed */
/* Behind what there is. From pw_route; choices as they were before any was dropped. */
pwy_status pw_tape_take(struct pw_tape *tape, int layer, const struct pw_routes *r);
/* The next routing into r, whose spans are set: pairs, places and no gates yet. Another layer or number of rows, an
   expert that is no candidate, or the tape's end: PWY_E_ARGUMENT. */
pwy_status pw_tape_give(struct pw_exec *x, struct pw_tape *tape, int layer, struct pw_routes *r);
pwy_status pw_tape_save(const struct pw_tape *tape, const char *path);
/* PWY_E_FORMAT where it is no tape or a damaged one. */
pwy_status pw_tape_open(const char *path, struct pw_tape **out);
#endif
