/**
 * @file pathways/pathways.h
 * libpathways: one sparse model learns many tasks through many senses. Includes every header of the library but
 * media's.
 *
 * The shortest way: pwy_registry_new, pwy_registry_add, pwy_task_add_part, pwy_task_read; pwy_model_new;
 * pwy_trainer_new, pwy_trainer_run, pwy_trainer_model; pwy_session_new, pwy_example_set_text, pwy_session_predict. See
 * examples/main_job.c.
 *
 * Everywhere: a call that can fail returns a pwy_status, leaves its outputs untouched on failure, and says why in
 * pwy_error_message. NULL for a handle that is needed is PWY_E_ARGUMENT; getters give 0, NaN or NULL for it. Handles
 * may be freed in any order: what needs another holds it. Texts are UTF-8, sizes int64_t.
 */
#ifndef PATHWAYS_PATHWAYS_H
#define PATHWAYS_PATHWAYS_H
#include <pathways/status.h>
#include <pathways/options.h>
#include <pathways/example.h>
#include <pathways/context.h>
#include <pathways/source.h>
#include <pathways/registry.h>
#include <pathways/tokenizer.h>
#include <pathways/router.h>
#include <pathways/routes.h>
#include <pathways/model.h>
#include <pathways/trainer.h>
#include <pathways/pathway.h>
#include <pathways/session.h>
#include <pathways/recipe.h>
#include <pathways/continual.h>
#include <pathways/closure.h>
#include <pathways/bench.h>
#include <pathways/version.h>
#endif
