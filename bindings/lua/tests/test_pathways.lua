--- Pathways that solidify: tasks are sealed, others are added, and not a bit of a sealed one's answers moves.
package.path = arg[0]:gsub("[^/]*$", "") .. "?.lua;" .. package.path
local rig = require "rig"
local pathways, test, equal, raises, refused = rig.pathways, rig.test, rig.equal, rig.raises, rig.refused
local folder = rig.data()
local texts = {"cash", "winner you prize", "lunch at home", "the the"}

local function read(path)
    local file = assert(io.open(path, "rb"))
    local bytes = file:read("a")
    file:close()
    return bytes
end

local function write(path, bytes)
    local file = assert(io.open(path, "wb"))
    file:write(bytes)
    file:close()
end

local sound = rig.tone("low")

local function answers(model)
    local all = {}
    for i, text in ipairs(texts) do all[i] = assert(model:predict("spam", text)).json end
    all[#all + 1] = assert(model:predict("fault", {sound = sound})).json
    return table.concat(all, "\n")
end

local function names(tasks)
    local all = {}
    for i, task in ipairs(tasks) do all[i] = task.name end
    return table.concat(all, " ")
end

local people = {"income", parts = {person = "table"}, train = folder .. "/people.csv", target = "income"}
local model, more, before

test("sealed", function()
    local tasks = pathways.registry()
    tasks:add{"spam", parts = {message = "text"}, train = folder .. "/mail.tsv", target = "class"}
    tasks:add{"fault", parts = {sound = "audio"}, train = folder .. "/motors"}
    model = pathways.model(tasks, rig.small)
    equal(model:tasks()[1]:state(), "open")
    raises("STATE", "spam", model.seal, model)
    model:fit{steps = 80, seed = 1}
    equal(model:tasks()[1]:state(), "trained")
    raises("STATE", "not sealed", model.digest, model, "spam")
    equal(model:seal(), model)
    equal(model:tasks()[2]:state(), "sealed")
    equal(#model:digest("spam"), 64)
    equal(assert(model:predict("spam", "cash")).digest, model:digest("spam"))
    before = answers(model)
end)

test("added, and nothing moved", function()
    local steps
    more = model:add(people):fit{steps = 40, progress = function(p) steps = p.step end}
    equal(steps, 40)
    equal(names(model:tasks()), "spam fault")
    equal(names(more:tasks()), "spam fault income")
    equal(more:tasks()[3]:state(), "sealed")
    equal(answers(more), before)
    equal(answers(model), before)
    equal(more:verify(), more)
    equal(more:verify("spam", "income"), more)
    equal(assert(more:predict("income", {age = 60, job = "chief"})).label, "more")
    local open = model:add{"pay", parts = {person = "table"}, train = folder .. "/people.csv", target = "income",
                           clones = 1}:fit{steps = 4, seal = false}
    equal(open:tasks()[3]:state(), "trained")
    equal(answers(open), before)
end)

test("adding is refused", function()
    local mail = {"spam", parts = {message = "text"}, train = folder .. "/mail.tsv", target = "class"}
    local function add() return model:add(mail):fit{steps = 1} end
    raises("EXISTS", "spam", add)
    mail[1], mail.budget = "other", 10
    raises("LIMIT", "too small", add)
    mail.budget, mail.reuse = nil, "nosuch"
    raises("NOT_FOUND", "nosuch", add)
end)

test("beside the file", function()
    local path = folder .. "/one.pathways"
    model:save(path)
    local was = read(path)
    assert(pathways.open(path)):add(people):fit{steps = 4}:save_added(path)
    equal(read(path) == was, true)
    assert(#read(path .. ".delta1") < #was)
    local again = assert(pathways.open(path))
    equal(names(again:tasks()), "spam fault income")
    equal(answers(again), before)
    pathways.pack(path)
    equal(io.open(path .. ".delta1"), nil)
    equal(answers(assert(pathways.open(path))), before)
end)

test("extracted, forgotten, pruned, renamed, merged", function()
    local path = folder .. "/spam.pathways"
    more:extract("spam"):save(path)
    local small = assert(pathways.open(path))
    equal(names(small:tasks()), "spam")
    equal(small:digest("spam"), more:digest("spam"))
    equal(assert(small:predict("spam", "cash")).json, assert(model:predict("spam", "cash")).json)
    raises("NOT_FOUND", "spm", more.extract, more, "spm")
    local less = more:forget("income")
    equal(names(less:tasks()), "spam fault")
    equal(answers(less), before)
    raises("NOT_FOUND", "spm", more.forget, more, "spm")
    equal(answers(more:prune()), before)
    local wide = more:grow{experts = 2}
    equal(answers(wide), before)
    equal(wide:digest("spam"), model:digest("spam"))
    raises("ARGUMENT", "experts", more.grow, more, {})
    equal(more:rename("spam", "junk"):digest("junk"), model:digest("spam"))
    local other = model:add{"pay", parts = {person = "table"}, train = folder .. "/people.csv", target = "income"}
    local pay = other:fit{steps = 4}:extract("pay")
    local both = more:merge(pay)
    equal(names(both:tasks()), "spam fault income pay")
    equal(answers(both), before)
    equal(names(both:merge(pay):tasks()), "spam fault income pay")
    raises("EXISTS", "'spam'", more.merge, more, pay:rename("pay", "spam"))
end)

test("every byte is looked at", function()
    local path = folder .. "/changed.pathways"
    more:save(path)
    pathways.verify(path)
    local whole = read(path)
    local header = 8 + string.unpack("<I8", whole)
    local name = "trunk.0.qkv"
    local from = whole:match('"trunk%.0%.qkv":{.-"data_offsets":%[(%d+)')
    local at = header + tonumber(from) + 5
    write(path, whole:sub(1, at - 1) .. string.char(whole:byte(at) ~ 1) .. whole:sub(at + 1))
    raises("FORMAT", name:gsub("%.", "%%."), pathways.verify, path)
end)

test("which task", function()
    local text = rig.message("spam")
    local which = assert(more:which(text))
    equal(which.known, true)
    equal(which.task, "spam")
    assert(which.ranking[1].distance <= which.ranking[1].limit and which.ranking[1].confidence > 0)
    equal(assert(more:predict(nil, {message = text})).json, assert(more:predict("spam", text)).json)
    equal(assert(more:predict(nil, {person = {age = 60, job = "chief"}})).task, "income")
    equal(assert(more:predict(nil, {sound = sound})).task, "fault")
    equal(assert(more:predict(nil, {file = folder .. "/motors/low/2.wav"})).task, "fault")
    local unknown = "12345 67890 !!!! %%%% 12345 ???? 0000"
    equal(assert(more:which(unknown)).task, nil)
    refused("NOT_FOUND", "like none", more:predict(nil, unknown))
end)

test("where rows went", function()
    local record = model:record(function() assert(model:predict("spam", "cash for you")) end)
    assert(model:predict("spam", "not counted"))
    local counts, sum = record:counts(0), 0
    equal(#counts, 4)
    for e, n in ipairs(counts) do
        equal(record:counts(0, "spam")[e], n)
        sum = sum + n
    end
    assert(sum > 0 and record:measure(0).met > 0)
    equal(record:measure(0, "spam").dropped, 0)
    equal(record:overlap("spam", "spam", 0), 1)
    raises("NOT_FOUND", "spm", record.counts, record, 0, "spm")
end)

test("selected", function()
    equal(names(more:select{}), "spam fault income")
    equal(names(more:select{sense = "audio"}), "fault")
    equal(names(more:select{state = "sealed", label = "more"}), "income")
    raises("ARGUMENT", "'sense'", more.select, more, {sens = "audio"})
    local path = folder .. "/one.pathways"
    local tasks = pathways.registry{open = path}
    equal(names(tasks:select{}), "spam fault income")
    tasks:rename("fault", "noise")
    tasks:remove("spam")
    tasks:save(folder .. "/tasks.pathways")
    equal(names(pathways.registry{open = folder .. "/tasks.pathways"}:select()), "noise income")
end)

test("learning by doing", function()
    local tasks = pathways.registry()
    tasks:add{"spam", parts = {message = "text"}, train = folder .. "/mail.tsv", target = "class"}
    local made = pathways.model(tasks, rig.small):fit{steps = 20, seed = 1}
    local old, learner = assert(made:predict("spam", "zebra quagga")).scores.spam, made:learner{learn_lr = .01}
    for _ = 1, 20 do learner:learn("spam", {message = "zebra quagga"}, "spam") end
    equal(learner:learned(), 20)
    assert(assert(learner:grown():predict("spam", "zebra quagga")).scores.spam > old)
    equal(assert(made:predict("spam", "zebra quagga")).scores.spam, old)
    raises(nil, "eggs", learner.learn, learner, "spam", "x", "eggs")
end)

test("continual learning", function()
    local scores = pathways.continual()
    equal(scores:add("a"), 0)
    equal(scores:add("b"), 1)
    scores:set("a", "a", .9)
    scores:set("a", "b", .5)
    scores:set("b", "a", .8)
    scores:set(1, 1, .7)
    scores:set_baseline("b", .4)
    equal(scores:score("b", "a"), .8)
    assert(math.abs(scores:accuracy() - .75) < 1e-9 and math.abs(scores:accuracy("a") - .9) < 1e-9)
    assert(math.abs(scores:backward_transfer() + .1) < 1e-9 and math.abs(scores:forward_transfer() - .1) < 1e-9)
    assert(math.abs(scores:forgetting() - .1) < 1e-9)
    equal(pathways.continual{parse = scores:json()}:json(), scores:json())
    raises("EXISTS", "a", scores.add, scores, "a")
end)

rig.done()
