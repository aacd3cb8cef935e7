--- One sparse model learns many tasks through many senses.
--
--     local pathways = require "pathways"
--     local tasks = pathways.registry()
--     tasks:add{"spam", kind = "classify", parts = {message = "text"}, train = "mail.tsv", target = "class"}
--     local model = pathways.model(tasks)
--     model:fit{minutes = 5}
--     model:save("one.pathways")
--     print(assert(model:predict("spam", {message = "You won a prize"})).label)
--
-- What asks (open, predict, predict_batch, which, evaluate) returns nil and the error where it fails; all else raises
-- it. An error is a table of message, status, file, line and task, and prints as its message.

local core = require "pathways_core"

local pathways = {version = core.version(), features = core.features(), status = {}}
local Registry, Task, Model, Addition, Learner, Record = {}, {}, {}, {}, {}, {}
local Tokenizer, Router, Continual, Routes = {}, {}, {}, {}
for _, class in ipairs{Registry, Task, Model, Addition, Learner, Record, Tokenizer, Router, Continual,
                       Routes} do
    class.__index = class
end

for _, name in ipairs{"ARGUMENT", "STATE", "NOT_FOUND", "EXISTS", "IO", "FORMAT", "DATA", "UNSUPPORTED", "NOMEM",
                      "CANCELLED", "LIMIT", "CALLBACK"} do
    pathways.status[name] = math.tointeger(core["E_" .. name])
end
local status = pathways.status

--- An error as the library has them.
local function fail(number, format, ...)
    local made = {status = number, message = format:format(...)}
    error(setmetatable(made, {__tostring = function(e) return e.message end}), 0)
end

local context       -- PNG and JPEG where the build has them; one for all
local function shared()
    if not context then
        context = core.context_new(nil)
        core.context_add_media(context)
    end
    return context
end

-- Settings ------------------------------------------------------------------------------------------------------------

local encode

--- A table with a first item, or an empty one, is a list.
local function encode_table(value)
    local out = {}
    if value[1] ~= nil or next(value) == nil then
        for i, item in ipairs(value) do out[i] = encode(item) end
        return "[" .. table.concat(out, ", ") .. "]"
    end
    for key, item in pairs(value) do out[#out + 1] = encode(tostring(key)) .. ": " .. encode(item) end
    table.sort(out)
    return "{" .. table.concat(out, ", ") .. "}"
end

--- A value in the flow form of YAML.
function encode(value)
    if type(value) == "table" then return encode_table(value) end
    if type(value) ~= "string" then return tostring(value) end
    return '"' .. value:gsub('[%c"\\]', function(c) return ("\\x%02x"):format(c:byte()) end) .. '"'
end

local setters = {string = core.options_set, boolean = function(o, name, value)
    core.options_set_flag(o, name, value and 1 or 0)
end}

--- A table as the library's options.
local function options(settings)
    local made = core.options_new()
    for name, value in pairs(settings or {}) do
        local set = setters[type(value)]
        if math.type(value) == "integer" then set = core.options_set_int
        elseif math.type(value) == "float" then set = core.options_set_number end
        if set then set(made, name, value)
        else core.options_merge(made, core.options_parse("{" .. encode(name) .. ": " .. encode(value) .. "}")) end
    end
    return made
end

--- The settings but for the names given, which this layer reads itself.
local function without(settings, ...)
    local rest = {}
    for name, value in pairs(settings or {}) do rest[name] = value end
    for _, name in ipairs{...} do rest[name] = nil end
    return rest
end

-- Samples and rows ----------------------------------------------------------------------------------------------------

local function set_table(example, part, row)
    for column, cell in pairs(row) do
        if type(cell) == "number" then core.example_set_cell_number(example, part, tostring(column), cell)
        else core.example_set_cell(example, part, tostring(column), tostring(cell)) end
    end
end

--- One part: a string for text and bytes; nested tables of numbers for image, audio (rate = 16000 in it says its
--- rate) and series; for table, a table of cells by column.
local set_part = {
    text = core.example_set_text,
    bytes = core.example_set_bytes,
    image = core.example_set_image,
    audio = function(example, part, sound) core.example_set_audio(example, part, sound, sound.rate or 16000) end,
    series = core.example_set_series,
    video = core.example_set_video,
    table = set_table,
}

local function set_labels(example, labels)
    for _, label in ipairs(labels) do core.example_add_label(example, tostring(label)) end
end

local function label_text(value)
    return tostring(math.tointeger(value) or value)
end

local set_target = {
    classify = function(example, label) core.example_set_label(example, label_text(label)) end,
    multilabel = set_labels,
    regress = core.example_set_number,
    generate = core.example_set_target_text,
}

local split_number = {train = core.TRAIN, valid = core.VALID, test = core.TEST}

local function split_of(name)
    return split_number[name] or fail(status.ARGUMENT, "split '%s'; train, valid or test would be right", name)
end

local function wrap_task(handle, owner)
    local parts = {}
    for i = 0, core.task_part_count(handle) - 1 do
        parts[i + 1] = {name = core.task_part_name(handle, i), sense = core.task_part_sense(handle, i)}
    end
    local kind = core.task_kind_name(core.task_get_kind(handle))
    local task = {handle = handle, owner = owner, name = core.task_name(handle), kind = kind, parts = parts}
    return setmetatable(task, Task)
end

local function is_part(task, name)
    for _, part in ipairs(task.parts) do
        if part.name == name then return true end
    end
    return false
end

--- What a row has for a part: for a table, without one of its name, all that is neither the target nor another part.
local function part_value(task, part, values)
    local value = values[part.name]
    if value ~= nil or part.sense ~= "table" then return value end
    local cells = {}
    for name, cell in pairs(values) do
        if name ~= (task.target or "target") and not is_part(task, name) then cells[name] = cell end
    end
    return next(cells) ~= nil and cells or nil
end

local function set_parts(task, example, values)
    for _, part in ipairs(task.parts) do
        local value = part_value(task, part, values)
        if value ~= nil then set_part[part.sense](example, part.name, value) end
    end
end

--- A row: a table of parts and the target, or the parts and then the answer.
local function set_row(task, example, row, answer)
    set_parts(task, example, row)
    if answer == nil then answer = row[task.target or "target"] end
    if answer ~= nil then set_target[task.kind](example, answer) end
end

--- Bad rows stay in their place, to be counted when they are met.
local function set_or_skip(task, example, row, answer)
    local done, err = pcall(set_row, task, example, row, answer)
    if done then return 0 end
    if type(err) == "table" and err.status == status.DATA then return status.DATA end
    error(err, 0)
end

local function collect(task, next_row)
    local source, example = core.source_new(shared()), core.example_new()
    for row, answer in next_row do
        core.example_clear(example)
        if set_or_skip(task, example, row, answer) ~= 0 then core.example_clear(example) end
        core.source_append(source, example)
    end
    return source
end

local function list_rows(rows)
    local i = 0
    return function()
        i = i + 1
        return rows[i]
    end
end

--- What the library holds knows how rows are read, not the task: with it, it would hold itself for ever.
local function source_of(task, rows, n)
    task = {parts = task.parts, kind = task.kind, target = task.target}
    if type(rows) == "table" then return collect(task, list_rows(rows)) end
    if not n then return collect(task, rows) end
    return core.source_from_function(shared(), n, function(index, example)
        return set_or_skip(task, example, rows(index + 1))
    end)
end

-- Tasks ---------------------------------------------------------------------------------------------------------------

--- Gives a split its rows; returns the task. rows: a path; a table of a path for each part and the target; a list of
--- rows; a function that gives row after row and then nil, or, with how.n, row i of n. A function may give the parts
--- and the answer as two values. how: split ("train"), target, n, columns, missing, where.
function Task:read(rows, how)
    how = how or {}
    self.target = how.target or self.target
    local split, rest = split_of(how.split or "train"), without(how, "split", "target", "n")
    if type(rows) == "string" then
        core.task_read(self.handle, split, rows, how.target, options(rest))
    elseif type(rows) == "table" and rows[1] == nil and next(rows) ~= nil then
        for name, file in pairs(rows) do rest[name] = file end
        core.task_read(self.handle, split, nil, how.target, options(rest))
    else
        core.task_set_source(self.handle, split, source_of(self, rows, how.n))
    end
    return self
end

--- The labels, in the library's order.
function Task:labels()
    local labels = {}
    for i = 1, core.task_label_count(self.handle) do labels[i] = core.task_label(self.handle, i - 1) end
    return labels
end

--- "open", "trained" or "sealed".
function Task:state()
    return core.task_state_name(core.task_get_state(self.handle))
end

--- No task yet; {open = path}: those of a file that Registry:save wrote, or of a model file, without opening the model.
function pathways.registry(how)
    local handle = how and how.open and core.registry_open(shared(), how.open) or core.registry_new(shared())
    return setmetatable({handle = handle, tasks = {}}, Registry)
end

local chunk = 1024      -- tasks asked for at once

--- The tasks of a registry's handle that fit a query, in their order.
local function select_tasks(handle, query, owner)
    local tasks, after, found = {}, -1, nil
    query = options(query)
    repeat
        found = core.registry_select(handle, query, after, chunk)
        for _, i in ipairs(found) do tasks[#tasks + 1] = wrap_task(core.registry_at(handle, i), owner) end
        after = found[#found]
    until #found < chunk
    return tasks
end

--- The tasks that fit all of name, sense (of any part), state ("open", "trained", "sealed"), kind and label.
function Registry:select(query)
    return select_tasks(self.handle, query, self)
end

--- Writes the tasks, without what they learned and without their rows, as a file of their own; returns the registry.
function Registry:save(path)
    core.registry_save(self.handle, path)
    return self
end

--- Takes a task out.
function Registry:remove(name)
    core.registry_remove(self.handle, name)
    self.tasks[name] = nil
end

--- Gives a task another name, in its place.
function Registry:rename(name, to)
    core.registry_rename(self.handle, name, to)
    self.tasks[to], self.tasks[name] = self.tasks[name], nil
end

local function add_parts(handle, parts)
    for name, sense in pairs(parts) do
        if type(sense) == "string" then core.task_add_part(handle, name, sense)
        else core.task_add_part_with(handle, name, sense.sense, options(without(sense, "sense"))) end
    end
end

--- Adds a task: the name first, kind ("classify"), parts = {part = sense, or {sense = ..., its settings}}, labels,
--- metric, weight; and train, valid, test, each what Task:read takes, with target, columns, missing, n.
function Registry:add(spec)
    local handle = core.registry_add(self.handle, spec[1], core.task_kind_from_name(spec.kind or "classify"))
    add_parts(handle, spec.parts or {})
    for _, label in ipairs(spec.labels or {}) do core.task_add_label(handle, tostring(label)) end
    if spec.metric then core.task_set_metric(handle, spec.metric) end
    if spec.weight then core.task_set_weight(handle, spec.weight) end
    local task = wrap_task(handle, self)
    local how = {target = spec.target, columns = spec.columns, missing = spec.missing, n = spec.n}
    for split in pairs(split_number) do
        how.split = split
        if spec[split] ~= nil then task:read(spec[split], how) end
    end
    self.tasks[spec[1]] = task
    return task
end

-- Models --------------------------------------------------------------------------------------------------------------

local function wrap_model(handle, registry)
    return setmetatable({handle = handle, registry = registry}, Model)
end

--- A model for the tasks: sized by their rows, or as settings say (d, layers, heads, experts, topk, hidden, seed ...).
function pathways.model(registry, settings)
    return wrap_model(core.model_new(registry.handle, options(settings)), registry)
end

--- A model from its file; nil and the error.
function pathways.open(path)
    local done, made = pcall(core.model_open, shared(), path)
    if not done then return nil, made end
    return wrap_model(made)
end

local function report_of(p)
    local scores = {}
    for i = 0, core.progress_task_count(p) - 1 do
        scores[core.progress_task_name(p, i)] = core.progress_task_score(p, i)
    end
    return {step = core.progress_step(p), share = core.progress_share(p), loss = core.progress_loss(p), scores = scores,
            seconds = core.progress_seconds(p), seconds_left = core.progress_seconds_left(p),
            phase = core.progress_phase(p)}
end

--- The tasks of one model get the rows that the other's of that name have.
local function keep_rows(from, to)
    local old, new = core.model_registry(from), core.model_registry(to)
    for i = 0, core.registry_count(old) - 1 do
        local task = core.registry_at(old, i)
        local there, same = pcall(core.registry_find, new, core.task_name(task))
        for _, split in pairs(there and split_number or {}) do
            local has, source = pcall(core.task_get_source, task, split)
            if has then core.task_set_source(same, split, source) end
        end
    end
end

--- The new handle gets the old one's rows, for the next run.
local function adopt(model, handle)
    keep_rows(model.handle, handle)
    model.handle, model.session = handle, nil
end

--- Runs a trainer of a model, which becomes what it had become, also after a stop or an error.
local function run(model, trainer, progress)
    core.trainer_on_progress(trainer, function(p) return progress and progress(report_of(p)) and 1 or 0 end)
    local done, err = pcall(core.trainer_run, trainer)
    done = done or type(err) == "table" and err.status == status.CANCELLED
    local has, trained = pcall(core.trainer_model, trainer)
    if has then adopt(model, trained) end
    if not (done and has) then error(done and trained or err, 0) end
    return model
end

--- Trains: minutes (5), steps or epochs, and the other words of a recipe's `train:`. progress(report) is called about
--- ten times a second and stops the run when it returns something true. checkpoint: a path that is written when the
--- run is stopped, which resume takes. Also after a stop or an error the model is what it had become.
function Model:fit(how)
    local settings, trainer = options(without(how, "progress", "resume")), nil
    if how and how.resume then trainer = core.trainer_open(self.registry.handle, how.resume, settings)
    else trainer = core.trainer_new(self.handle, settings) end
    return run(self, trainer, how and how.progress)
end

--- Writes the model, beside an old one first; returns the model.
function Model:save(path)
    core.model_save(self.handle, path)
    return self
end

--- Saves to the file that it was opened from, before tasks were added or sealed: only what is new is written, beside
--- that file, as a whole or not at all. A model that has no part in the file is saved as a whole. Returns the model.
function Model:save_added(path)
    core.model_save_added(self.handle, path)
    return self
end

-- Pathways that solidify: but for seal, each gives a new model, which shares all that is the same ---------------------

--- Seals a task, or all that are not yet (nil): not a bit of its answers moves again, whatever is added. settings:
--- tolerance (.005). Returns the model, which is the sealed one.
function Model:seal(task, settings)
    adopt(self, core.model_seal(self.handle, task, options(settings)))
    return self
end

--- A task to be learned behind those that are there, which stay as they are to the bit:
---     local more = model:add{"digit", parts = {picture = "image"}, train = rows}:fit{minutes = 5}
--- spec as of Registry:add, and: budget (its own parameters at most), operations (floating-point, of an answer to its
--- greatest example, at most), adapter (8: hidden width of its adapter at most), clones (4: experts at most), reuse
--- ("best", "random", or a task's name).
function Model:add(spec)
    local tasks = pathways.registry()
    tasks:add(without(spec, "budget", "operations", "adapter", "clones", "reuse"))
    local how = {parameters = spec.budget, operations = spec.operations, adapter = spec.adapter, clones = spec.clones,
                 reuse = spec.reuse}
    return setmetatable({model = self, tasks = tasks, name = spec[1], how = next(how) and how}, Addition)
end

--- Learns the task: how, as of Model:fit; seal = false leaves it unsealed. Returns a new model, which shares all that
--- is there. A run that is stopped adds what it had become.
function Addition:fit(how)
    local settings = without(how, "progress", "seal")
    settings.add = self.how or nil
    local trainer = core.trainer_add(self.model.handle, self.tasks.handle, options(settings))
    local grown = run(wrap_model(self.model.handle, self.model.registry), trainer, how and how.progress)
    return how and how.seal == false and grown or grown:seal(self.name)
end

local function derived(model, handle)
    keep_rows(model.handle, handle)
    return wrap_model(handle, model.registry)
end

--- The tasks of these names alone, with what they read and nothing else: the same answers to the bit, the same digests.
function Model:extract(...) return derived(self, core.model_extract(self.handle, {...})) end
--- Without a task, and without all that only it read.
function Model:forget(task) return derived(self, core.model_forget(self.handle, task)) end
--- Without experts and senses that no task reads.
function Model:prune() return derived(self, core.model_prune(self.handle)) end
--- With more experts in every layer, copies of those that are there, for the tasks that are not sealed: nothing is
--- answered otherwise until they train. {experts = 4, copy = "used", noise = 0, ...}.
function Model:grow(how) return derived(self, core.model_grow(self.handle, options(how))) end
--- A sparse model with the answers of this dense one: {experts = 8, topk = 2, ...}.
function Model:upcycle(how) return derived(self, core.model_upcycle(self.handle, options(how))) end
--- A task under another name; its answers and its digest stay.
function Model:rename(task, name) return derived(self, core.model_rename(self.handle, task, name)) end
--- The sealed tasks of another model behind its own; both have grown from one sealed model.
function Model:merge(other) return derived(self, core.model_merge(self.handle, other.handle)) end

--- Of a sealed task's closure, 64 hexadecimal digits.
function Model:digest(task) return core.model_digest(self.handle, task) end

--- That these sealed tasks, or all, are what was sealed: digests are made anew, answers that were kept are given again.
--- The error names the task that is not. pathways.verify looks at a file. Returns the model.
function Model:verify(...)
    for i = 1, math.max(select("#", ...), 1) do core.model_check(self.handle, (select(i, ...))) end
    return self
end

--- The tasks that fit all of name, sense, state, kind and label.
function Model:select(query)
    return select_tasks(core.model_registry(self.handle), query, self.handle)
end

--- That every byte of a model file, and of what was added beside it, is as it was written; the error names the tensor
--- that is not.
function pathways.verify(path) core.model_verify(shared(), path) end
--- Folds what was added beside a file into it, as a whole or not at all.
function pathways.pack(path) core.model_pack(path) end

--- Trained numbers in all.
function Model:parameters()
    return core.model_parameters(self.handle)
end

--- What `pathways inspect --json` prints.
function Model:describe()
    return core.model_describe(self.handle)
end

--- The tasks, in their order.
function Model:tasks()
    local registry, tasks = core.model_registry(self.handle), {}
    for i = 1, core.registry_count(registry) do tasks[i] = wrap_task(core.registry_at(registry, i - 1), self.handle) end
    return tasks
end

--- How it answers: threads, max_new, temperature, seed, shuffle_routes. Returns the model.
function Model:configure(settings)
    self.session, self.settings = core.session_new(self.handle, options(settings)), settings
    return self
end

local function session_of(model)
    model.session = model.session or core.session_new(model.handle, options(model.settings))
    return model.session
end

local function find_task(model, name)
    return wrap_task(core.registry_find(core.model_registry(model.handle), name), model.handle)
end

--- parts: a table by name, or the task's one part; {file = path} is read from a file.
local function example_of(model, task, parts)
    if type(parts) ~= "table" or #parts > 0 then parts = {[task.parts[1].name] = parts} end
    local example, held = core.example_new(), {}
    local takes_cells = false
    for _, part in ipairs(task.parts) do takes_cells = takes_cells or part.sense == "table" end
    for name, value in pairs(parts) do
        if type(value) == "table" and value.file then
            core.session_read_part(session_of(model), task.name, value.file, name, example)
        elseif is_part(task, name) or takes_cells then held[name] = value
        else fail(status.ARGUMENT, "task '%s' has no part '%s'", task.name, name) end
    end
    set_parts(task, example, held)
    return example
end

--- One answer: task; label, score, scores and labels (best first); number; text; digest, once sealed; and what it took.
local function answer_of(result)
    local answer = {labels = {}, scores = {}, task = core.result_task(result), digest = core.result_digest(result),
                    label = core.result_label(result, 0), score = core.result_score(result, 0),
                    number = core.result_number(result), text = core.result_text(result),
                    active_share = core.result_active_share(result),
                    active_params = core.result_active_parameters(result), flops = core.result_flops(result),
                    json = core.result_json(result)}
    for i = 1, core.result_count(result) do
        answer.labels[i] = core.result_label(result, i - 1)
        answer.scores[answer.labels[i]] = core.result_score(result, i - 1)
    end
    return answer
end

--- Learning by doing, one example at a time, in bounded time and memory; the model stays as it is. settings: learn_lr
--- (a tenth of lr), seed and the other words of fit. Tasks that are sealed stay as they are, and cannot learn.
function Model:learner(settings)
    return setmetatable({model = self, trainer = core.trainer_new(self.handle, options(settings))}, Learner)
end

--- One step on one example: parts, as of Model:predict, and the answer. Returns the learner.
function Learner:learn(name, parts, answer)
    local task = find_task(self.model, name)
    local example = example_of(self.model, task, parts)
    set_target[task.kind](example, answer)
    core.trainer_learn(self.trainer, name, example)
    return self
end

--- Examples learned so far.
function Learner:learned() return core.trainer_learned(self.trainer) end
--- A new model, which has what was learned.
function Learner:grown() return derived(self.model, core.trainer_model(self.trainer)) end

--- The senses whose values are like this one.
local function senses_like(value)
    if type(value) ~= "table" then return type(value) == "string" and {text = 1, bytes = 2} or {text = 1} end
    return #value > 0 and {series = 1, audio = 2, image = 3} or {table = 1}
end

--- The first sense of the model's parts of that name ("*": of any) that takes such a value.
local function sense_for(model, part, value)
    local like = senses_like(value)
    for _, task in ipairs(model:tasks()) do
        for _, has in ipairs(task.parts) do
            if like[has.sense] and (part == "*" or part == has.name) then return has.sense end
        end
    end
    for sense, place in pairs(like) do
        if place == 1 then return sense end
    end
end

--- An example of a task that is to be found out: parts by name, or one by itself.
local function any_example(model, parts)
    if type(parts) ~= "table" or #parts > 0 or parts.file then parts = {["*"] = parts} end
    local example = core.example_new()
    for name, value in pairs(parts) do
        if type(value) == "table" and value.file then
            core.session_read_part(session_of(model), nil, value.file, name ~= "*" and name or nil, example)
        else
            set_part[sense_for(model, name, value)](example, name, value)
        end
    end
    return example
end

local function which(model, parts)
    local asked = core.session_which(session_of(model), any_example(model, parts))
    local answer = {known = core.which_known(asked) ~= 0, json = core.which_json(asked), ranking = {}}
    for i = 1, core.which_count(asked) do
        answer.ranking[i] = {task = core.which_task(asked, i - 1), confidence = core.which_confidence(asked, i - 1),
                             distance = core.which_distance(asked, i - 1), limit = core.which_limit(asked, i - 1)}
    end
    answer.task = answer.known and answer.ranking[1].task or nil
    return answer
end

local function predict(model, name, parts)
    if name == nil then return answer_of(core.session_predict(session_of(model), nil, any_example(model, parts))) end
    local task = find_task(model, name)
    return answer_of(core.session_predict(session_of(model), name, example_of(model, task, parts)))
end

local function predict_batch(model, name, rows)
    local task, examples, answers = find_task(model, name), {}, {}
    for i, row in ipairs(rows) do examples[i] = example_of(model, task, row) end
    for i, result in ipairs(core.session_predict_batch(session_of(model), name, examples)) do
        answers[i] = answer_of(result)
    end
    return answers
end

local function evaluate(model, name, rows, how)
    local task, source = find_task(model, name), nil
    if rows == nil then
        source = core.task_get_source(task.handle, split_of(how.split or "test"))
    else
        local scratch, parts = pathways.registry(), {}
        for _, part in ipairs(task.parts) do parts[part.name] = part.sense end
        local known = model.registry and model.registry.tasks[name]
        local copy = scratch:add{name, kind = task.kind, parts = parts, target = how.target or known and known.target}
        copy.target = how.target or known and known.target
        local read = without(how, "max_bad_rows")
        read.split, read.target = "test", copy.target
        source = core.task_get_source(copy:read(rows, read).handle, core.TEST)
    end
    local score = core.session_evaluate(session_of(model), name, source, how.max_bad_rows or 100)
    return {metric = core.score_metric(score), value = core.score_value(score), baseline = core.score_baseline(score),
            higher_is_better = core.score_higher_is_better(score) ~= 0, n = core.score_n(score),
            bad_rows = core.score_bad_rows(score), active_params = core.score_active_parameters(score),
            total_params = core.score_total_parameters(score), flops = core.score_flops(score),
            json = core.score_json(score)}
end

--- The function, with nil and the error where it fails.
local function asking(ask)
    return function(...)
        local done, result = pcall(ask, ...)
        if done then return result end
        return nil, result
    end
end

--- predict(task, parts): the answer; nil and the error. task nil: the one that which ranks first.
Model.predict = asking(predict)
--- which(parts): which task an example belongs to: task (nil: unknown), known, ranking (task, confidence, distance,
--- limit; best first), json; nil and the error.
Model.which = asking(which)
--- predict_batch(task, {parts, ...}): the answers, each the same to the bit as alone; nil and the error.
Model.predict_batch = asking(predict_batch)
--- evaluate(task, rows, how): scores on rows (as Task:read takes), or on the task's own split; nil and the error.
Model.evaluate = asking(function(model, name, rows, how) return evaluate(model, name, rows, how or {}) end)

--- Counts where the rows of the answers go that ask() asks for: model:record(function() model:predict(...) end).
--- Returns the record: counts, measure and overlap by layer, from 0.
function Model:record(ask)
    local experts = 0
    for line in self:describe():gmatch('"load":%[([^%]]+)') do
        experts = math.max(experts, select(2, line:gsub(",", ",")) + 1)
    end
    local record = setmetatable({handle = core.record_new(self.handle), experts = experts}, Record)
    local session = session_of(self)
    core.session_use_record(session, record.handle)
    local done, err = pcall(ask)
    core.session_use_record(session, nil)
    if not done then error(err, 0) end
    return record
end

--- How often each expert of a layer was met by rows of a task, or of all (nil).
function Record:counts(layer, task) return core.record_counts(self.handle, task, layer, self.experts) end
--- entropy (nats), max_violation, met (a share), dropped.
function Record:measure(layer, task)
    local entropy, violation, met, dropped = core.record_measure(self.handle, task, layer)
    return {entropy = entropy, max_violation = violation, met = met, dropped = dropped}
end
--- How far two tasks share a layer's experts, 0 .. 1.
function Record:overlap(one, other, layer) return core.record_overlap(self.handle, one, other, layer) end

-- The tokenizer, the router and continual-learning metrics, each by itself --------------------------------------------

--- Bytes without arguments; {open = path}; or {texts = {...}, vocab = 512}: byte-level BPE, learned from texts.
function pathways.tokenizer(how)
    how = how or {}
    local handle
    if how.open then handle = core.tokenizer_open(how.open)
    elseif how.texts then handle = core.tokenizer_train(how.texts, how.vocab)
    else handle = core.tokenizer_bytes() end
    return setmetatable({handle = handle, vocab = core.tokenizer_vocab(handle)}, Tokenizer)
end

function Tokenizer:encode(text) return core.tokenizer_encode(self.handle, text) end
function Tokenizer:decode(ids) return core.tokenizer_decode(self.handle, ids) end
function Tokenizer:save(path) core.tokenizer_save(self.handle, path) return self end

--- {experts = 8, topk = 2, ...}
function pathways.router(settings)
    local topk = settings.topk or 2
    return setmetatable({handle = core.router_new(options(settings)), experts = settings.experts, topk = topk}, Router)
end

local function rows_of(flat, width)
    local rows = {}
    for i = 1, #flat, width do rows[#rows + 1] = table.move(flat, i, i + width - 1, 1, {}) end
    return rows
end

--- logits (n, experts): the chosen experts, from 0, and their gates, each (n, topk).
function Router:route(logits)
    local chosen, gates = core.router_route(self.handle, logits, self.experts, self.topk)
    return rows_of(chosen, self.topk), rows_of(gates, self.topk)
end

--- How many (token, slot) pairs each expert has had.
function Router:load() return core.router_load(self.handle, self.experts) end

--- Of the load: entropy of the experts' shares, MaxVio (the greatest over the mean, less 1), pairs dropped.
function Router:balance() return core.router_balance(self.handle) end
--- Once per optimizer step, with balance_by = "bias".
function Router:step() core.router_step(self.handle) end
--- Sets the counts back to 0.
function Router:reset() core.router_reset(self.handle) end

--- Which experts rows met, one routing after another; {open = path}.
function pathways.routes(how)
    return setmetatable({handle = how and how.open and core.routes_open(how.open) or core.routes_new()}, Routes)
end

function Routes:save(path) core.routes_save(self.handle, path) return self end
--- Routings: of a pass, one for each layer.
function Routes:count() return core.routes_count(self.handle) end

local modes = {off = core.ROUTES_OFF, record = core.ROUTES_RECORD, replay = core.ROUTES_REPLAY}

local function mode_of(word)
    return modes[word] or fail(status.ARGUMENT, "mode '%s'; off, record and replay would be right", tostring(word))
end

--- mode: "record" keeps routes there, "replay" goes by them, "off" ends that.
function Router:use_routes(routes, mode)
    core.router_use_routes(self.handle, routes and routes.handle, mode_of(mode))
end
--- The same of what the model is asked, until it is trained or configured.
function Model:use_routes(routes, mode)
    core.session_use_routes(session_of(self), routes and routes.handle, mode_of(mode))
end

--- Tasks learned one after the other, and their scores. A task is named, or numbered from 0 in the order in which it
--- was learned. {parse = text}: back from what json gave.
function pathways.continual(how)
    local handle = how and how.parse and core.continual_parse(how.parse) or core.continual_new()
    return setmetatable({handle = handle}, Continual)
end

local function place_of(self, task)
    return type(task) == "string" and core.continual_find(self.handle, task) or task
end

--- The task learned next; its number. higher_is_better (true): false of errors.
function Continual:add(name, higher_is_better)
    return core.continual_add(self.handle, name, higher_is_better == false and 0 or 1)
end

--- The score on task once `after` was learned.
function Continual:set(after, task, score)
    core.continual_set(self.handle, place_of(self, after), place_of(self, task), score)
end

--- The score on task of a model that has learned nothing.
function Continual:set_baseline(task, score) core.continual_set_baseline(self.handle, place_of(self, task), score) end
--- What was set; NaN: nothing.
function Continual:score(after, task)
    return core.continual_score(self.handle, place_of(self, after), place_of(self, task))
end
function Continual:baseline(task) return core.continual_baseline(self.handle, place_of(self, task)) end
--- Matrix, baselines and figures.
function Continual:json() return core.continual_json(self.handle) end

--- accuracy(after), backward_transfer, forward_transfer, forgetting: once `after` was learned (nil: the last).
for _, figure in ipairs{"accuracy", "backward_transfer", "forward_transfer", "forgetting"} do
    Continual[figure] = function(self, after)
        local last = core.continual_count(self.handle) - 1
        return core["continual_" .. figure](self.handle, after and place_of(self, after) or last)
    end
end

return pathways
