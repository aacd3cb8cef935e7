#ifndef PW_PROBE_H
#define PW_PROBE_H
#include "model/infer.h"

/* Runs `rows` training rows of the net's task, as the net now goes, and says how much of the answers' variance a linear
   reading of its features explains on rows held out (1: all, 0: nothing). Of a net that writes: the share of what its
   ids cost without knowing anything, log(vocab) nats each, that its way saves as it is. use [layers] (experts): the
   gates of each expert are added; NULL: not asked. */
pwy_status pw_probe(struct pw_infer *f, struct pw_net *net, int rows, double **use, double *score);
#endif
