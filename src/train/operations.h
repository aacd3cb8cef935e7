#ifndef PW_OPERATIONS_H
#define PW_OPERATIONS_H
#include "model/infer.h"

/* What the greatest example of a net costs, in floating-point operations as predictions count them (pwy_result_flops):
   texts as long as their `tokens`, beside the training row whose other parts have the most rows. rows: in the trunk. */
struct pw_cost { double operations; int rows; };
pwy_status pw_cost_greatest(struct pw_infer *f, struct pw_net *net, struct pw_cost *out);

/* What a way may have so that the greatest example costs no more than `operations`: candidates a layer at most (*most,
   0: as many as there are) and the adapter's width (*adapter, as given or less). net: on the way whose candidates it
   takes, NULL: the trunk's. PWY_E_LIMIT where nothing fits; PWY_E_UNSUPPORTED: it writes. */
pwy_status pw_cost_cut_way(struct pw_infer *f, struct pw_net *net, int64_t operations, int *adapter, int *most);

/* How much of its examples an added task looks at within a budget of operations: the settings of its parts that bound
   their rows (pw_sense_input), as far as nobody set them, go down together in steps. */
enum { PW_INPUT_STEPS = 64 };
struct pw_inputs {
    int64_t operations, numbers;        /* the budget; what pw_model_extend takes, 0: the usual */
    int adapter;                        /* that there should be room for */
    int step;                           /* of PW_INPUT_STEPS: of all, whole numbers rounded down; 0: the least */
    double *all;                        /* [parts] what each setting comes to; 0: it is not cut. The owner's: free() */
};
/* The greatest step that fits: down to a quarter with an adapter and a usual number of candidates, then without. Of
   task i of `tasks`, tried behind those of m, which stays as it is. */
pwy_status pw_inputs_choose(const pwy_model *m, const pwy_registry *tasks, int i, struct pw_inputs *in);
pwy_status pw_inputs_cut(struct pwy_task *t, const struct pw_inputs *in);      /* sets them */
#endif
