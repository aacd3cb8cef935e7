/* A model whose tasks choose from the N experts of each layer that they use most, by what was measured when they were
   trained: what bench/narrow.py compares learned sets with.
     bench/thin MODEL N OUT */
#include "model/model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(void)
{
    fprintf(stderr, "thin: %s\n", pwy_error_message());
    return 1;
}

static pwy_status thin(pwy_model *m, struct pw_net *net, int n)
{
    const struct pw_node *list = pw_node_get(net->task->use, "order");
    int layers = (int)m->shape.layers;
    int32_t **order = calloc((size_t)layers, sizeof *order);
    if (list == NULL) return pw_fail(PWY_E_STATE, "task '%s': its use was not measured", net->task->name);
    for (int l = 0; l < layers; l++) {
        order[l] = calloc((size_t)n, sizeof **order);
        for (int i = 0; i < n && i < list->item[l]->n; i++) order[l][i] = atoi(list->item[l]->item[i]->text);
    }
    pwy_status status = pw_net_take_few(m, net, (const int32_t *const *)order, n);
    for (int l = 0; l < layers; l++) free(order[l]);
    free(order);
    return status;
}

int main(int argc, char **argv)
{
    pwy_context *ctx;
    pwy_model *m, *own;
    if (argc != 4) return fprintf(stderr, "usage: thin MODEL N OUT\n"), 2;
    if (pwy_context_new(NULL, &ctx) != PWY_OK || pwy_model_open(ctx, argv[1], &m) != PWY_OK) return failed();
    if (pw_model_overlay(m, &own) != PWY_OK) return failed();
    for (int i = 0; i < own->registry->n; i++) {
        struct pw_net *net;
        if (pw_net_open(own, i, &net) != PWY_OK || thin(own, net, atoi(argv[2])) != PWY_OK) return failed();
    }
    if (pwy_model_save(own, argv[3]) != PWY_OK) return failed();
    pwy_model_free(own);
    pwy_model_free(m);
    pwy_context_free(ctx);
    return 0;
}
