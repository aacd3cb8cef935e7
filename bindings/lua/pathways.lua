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
-- What asks (open, predict, predict_batch, evaluate) returns nil and the error where it fails; all else raises it. An
-- error is a table of message, status, file, line and task, and prints as its message.

local core = require "pathways_core"

local pathways = {version = core.version(), features = core.features(), status = {}}
local Registry, Task, Model, Tokenizer, Router = {}, {}, {}, {}, {}
for _, class in ipairs{Registry, Task, Model, Tokenizer, Router} do class.__index = class end

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

function pathways.registry()
    return setmetatable({handle = core.registry_new(shared()), tasks = {}}, Registry)
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

--- The new handle gets the old one's rows, for the next run.
local function adopt(model, handle)
    local old, new = core.model_registry(model.handle), core.model_registry(handle)
    for i = 0, core.registry_count(new) - 1 do
        for _, split in pairs(split_number) do
            local has, source = pcall(core.task_get_source, core.registry_at(old, i), split)
            if has then core.task_set_source(core.registry_at(new, i), split, source) end
        end
    end
    model.handle, model.session = handle, nil
end

--- Trains: minutes (5), steps or epochs, and the other words of a recipe's `train:`. progress(report) is called about
--- ten times a second and stops the run when it returns something true. checkpoint: a path that is written when the
--- run is stopped, which resume takes. Also after a stop or an error the model is what it had become.
function Model:fit(how)
    local settings = options(without(how, "progress", "resume"))
    local progress, trainer = how and how.progress or function() end, nil
    if how and how.resume then trainer = core.trainer_open(self.registry.handle, how.resume, settings)
    else trainer = core.trainer_new(self.handle, settings) end
    core.trainer_on_progress(trainer, function(p) return progress(report_of(p)) and 1 or 0 end)
    local done, err = pcall(core.trainer_run, trainer)
    done = done or type(err) == "table" and err.status == status.CANCELLED
    local has, trained = pcall(core.trainer_model, trainer)
    if has then adopt(self, trained) end
    if not (done and has) then error(done and trained or err, 0) end
    return self
end

--- Writes the model, beside an old one first; returns the model.
function Model:save(path)
    core.model_save(self.handle, path)
    return self
end

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

--- One answer: label, score, scores and labels (best first); number; text; and what it took.
local function answer_of(result)
    local answer = {labels = {}, scores = {},
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

local function predict(model, name, parts)
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

--- predict(task, parts): the answer; nil and the error.
Model.predict = asking(predict)
--- predict_batch(task, {parts, ...}): the answers, each the same to the bit as alone; nil and the error.
Model.predict_batch = asking(predict_batch)
--- evaluate(task, rows, how): scores on rows (as Task:read takes), or on the task's own split; nil and the error.
Model.evaluate = asking(function(model, name, rows, how) return evaluate(model, name, rows, how or {}) end)

-- The tokenizer and the router, each by itself ------------------------------------------------------------------------

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

return pathways
