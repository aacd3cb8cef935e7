--- The main job, the forms of rows and samples, callbacks, errors, ends of life.
package.path = arg[0]:gsub("[^/]*$", "") .. "?.lua;" .. package.path
local rig = require "rig"
local pathways, test, equal, raises, refused = rig.pathways, rig.test, rig.equal, rig.raises, rig.refused
local folder = rig.data()

local function mail()
    local tasks = pathways.registry()
    tasks:add{"spam", kind = "classify", parts = {message = "text"}, train = folder .. "/mail.tsv", target = "class"}
    return tasks
end

local function rows(n)
    local out = {}
    for i = 1, n do
        local label = i % 2 == 0 and "spam" or "ham"
        out[i] = {message = rig.message(label), class = label}
    end
    return out
end

local reports, model = {}, nil

test("three tasks are learned", function()
    local tasks = mail()
    tasks:add{"fault", kind = "classify", parts = {sound = "audio"}, train = folder .. "/motors"}
    tasks:add{"income", parts = {person = "table"}, train = folder .. "/people.csv", target = "income"}
    model = pathways.model(tasks, rig.small)
    equal(model:fit{steps = 200, seed = 1, progress = function(p) reports[#reports + 1] = p end}, model)
    assert(#reports > 1)
    local last = reports[#reports]
    equal(last.step, 200)
    equal(math.type(last.step), "integer")
    equal(last.phase, "choose")
    assert(last.scores.spam and last.scores.fault and last.scores.income)
end)

test("answers", function()
    local answer = assert(model:predict("spam", {message = "winner of a cash prize"}))
    equal(answer.label, "spam")
    equal(answer.scores.spam, answer.score)
    equal(#answer.labels, 2)
    assert(answer.active_share > 0 and answer.active_share <= 1 and answer.flops > 0)
    assert(answer.json:find('"task":"spam"', 1, true))
    equal(assert(model:predict("spam", "home for lunch")).label, "ham")
    for _, label in ipairs{"low", "high"} do
        equal(assert(model:predict("fault", {sound = rig.tone(label)})).label, label)
    end
    equal(assert(model:predict("fault", {sound = {file = folder .. "/motors/low/2.wav"}})).label, "low")
    equal(assert(model:predict("income", {person = {age = 60, job = "chief"}})).label, "more")
    equal(assert(model:predict("income", {age = 60, job = "clerk"})).label, "less")
end)

test("the same after opening", function()
    local path = folder .. "/one.pathways"
    equal(model:save(path), model)
    local opened = assert(pathways.open(path))
    equal(opened:parameters(), model:parameters())
    equal(opened:tasks()[2].name, "fault")
    equal(table.concat(opened:tasks()[2]:labels()), table.concat(model:tasks()[2]:labels()))
    for _, text in ipairs{"cash", "lunch at home", "the the"} do
        equal(assert(opened:predict("spam", text)).json, assert(model:predict("spam", text)).json)
    end
    assert(opened:describe():find("spam"))
end)

test("alone and together", function()
    local texts, batch = {"cash you", "lunch", "the prize"}, nil
    batch = assert(model:predict_batch("spam", texts))
    for i, text in ipairs(texts) do equal(batch[i].score, model:predict("spam", text).score) end
    equal(#assert(model:predict_batch("spam", {})), 0)
end)

test("scores", function()
    local score = assert(model:evaluate("spam", nil, {split = "valid"}))
    assert(score.value > .9 and score.value > score.baseline and score.higher_is_better)
    equal(assert(model:evaluate("spam", folder .. "/mail.tsv")).n, 300)
    score = assert(model:evaluate("spam", {{message = "cash", class = "spam"}, {message = "", class = "ham"}}))
    equal(score.n, 1)
    equal(score.bad_rows, 1)
end)

test("all forms of rows are the same", function()
    local list = rows(100)
    local function answer(given, n)
        local tasks = pathways.registry()
        tasks:add{"spam", parts = {message = "text"}, train = given, n = n, target = "class"}
        return assert(pathways.model(tasks, rig.small):fit{steps = 30}:predict("spam", "cash you")).json
    end
    local expected, i = answer(list), 0
    equal(answer(function(index) return list[index] end, 100), expected)
    equal(answer(function(index) return {message = list[index].message}, list[index].class end, 100), expected)
    equal(answer(function()
        i = i + 1
        return list[i]
    end), expected)
end)

test("samples of the other senses", function()
    local tasks, pictures, series, codes, sums = pathways.registry(), {}, {}, {}, {}
    local function picture(kind)
        local out = {}
        for y = 1, 12 do
            out[y] = {}
            for x = 1, 12 do out[y][x] = ((kind == 0 and x or y) % 4 < 2 and 180 or 0) + rig.random(60) end
        end
        return out
    end
    local function motion(kind)
        local out = {}
        for t = 1, 20 do out[t] = {(kind == 0 and t or -t) / 20, rig.random(10) / 10} end
        return out
    end
    for i = 1, 60 do
        pictures[i] = {picture = picture(i % 2), target = i % 2}
        series[i] = {motion = motion(i % 2), target = i % 2}
        codes[i] = {code = string.char(65 + i % 2):rep(40), target = i % 2}
        sums[i] = {x = i, y = i % 7, target = i + i % 7}
    end
    tasks:add{"shape", parts = {picture = "image"}, train = pictures}
    tasks:add{"move", parts = {motion = "series"}, train = series}
    tasks:add{"code", parts = {code = {sense = "bytes"}}, train = codes}
    tasks:add{"sum", kind = "regress", parts = {row = "table"}, train = sums}
    local made = pathways.model(tasks, rig.small):fit{steps = 120}
    for kind = 0, 1 do
        equal(assert(made:predict("shape", {picture = picture(kind)})).label, tostring(kind))
        equal(assert(made:predict("move", {motion = motion(kind)})).label, tostring(kind))
        equal(assert(made:predict("code", string.char(65 + kind):rep(40))).label, tostring(kind))
    end
    assert(math.abs(assert(made:predict("sum", {row = {x = 30, y = 2}})).number - 32) < 12)
    refused("ARGUMENT", "one length", made:predict("move", {motion = {{1, 2}, {3}}}))
    refused("ARGUMENT", "0 to 255", made:predict("shape", {picture = {{300}}}))
    refused("ARGUMENT", "no number", made:predict("move", {motion = {{1, "x"}}}))
    refused("ARGUMENT", "empty", made:predict("move", {motion = {{}}}))
end)

test("a true answer stops", function()
    local calls, made = 0, pathways.model(mail(), rig.small)
    made:fit{steps = 100000, progress = function()
        calls = calls + 1
        return calls == 2
    end}
    equal(calls, 2)
    assert(made:predict("spam", "cash"))
end)

test("stopped and resumed is the same", function()
    local path, whole = folder .. "/run.checkpoint", pathways.model(mail(), rig.small)
    local made = pathways.model(mail(), rig.small)
    whole:fit{steps = 60, seed = 5}
    made:fit{steps = 60, seed = 5, checkpoint = path, progress = function() return true end}
    made:fit{resume = path}
    equal(assert(made:predict("spam", "cash you")).json, assert(whole:predict("spam", "cash you")).json)
end)

test("what a callback raises comes through", function()
    local made = pathways.model(mail(), rig.small)
    raises(nil, "mine", made.fit, made, {steps = 1000, progress = function() error("mine") end})
    assert(made:predict("spam", "cash"))
    local tasks = pathways.registry()
    tasks:add{"x", parts = {text = "text"}, n = 40, train = function(i)
        if i == 20 then error("no row") end
        return {text = "cash", target = i % 2}
    end}
    raises(nil, "no row", function() pathways.model(tasks, rig.small):fit{steps = 20} end)
    local co = coroutine.wrap(function()
        made:fit{steps = 3, progress = function() return false end}
        return "done"
    end)
    equal(co(), "done")
end)

test("bad rows are skipped up to a limit", function()
    local list, tasks = rows(60), pathways.registry()
    list[7].message = ""
    tasks:add{"spam", parts = {message = "text"}, train = list, target = "class"}
    pathways.model(tasks, rig.small):fit{steps = 5}
    for i = 61, 300 do list[i] = {message = "", class = "ham"} end
    raises("LIMIT", ".", function()
        local all = pathways.registry()
        all:add{"spam", parts = {message = "text"}, train = list, target = "class"}
        pathways.model(all, rig.small):fit{steps = 200}
    end)
end)

test("errors", function()
    refused("NOT_FOUND", "nearest is 'spam'", model:predict("spm", "x"))
    refused("DATA", "empty", model:predict("spam", ""))
    refused("ARGUMENT", "massage", model:predict("spam", {massage = "x"}))
    refused("NOT_FOUND", "nosuch", pathways.open(folder .. "/nosuch"))
    refused("FORMAT", "people", pathways.open(folder .. "/people.csv"))
    raises("ARGUMENT", "'steps'", model.fit, model, {stps = 3})
    raises("ARGUMENT", "classify", mail().add, mail(), {"x", kind = "clasify"})
    local tasks = mail()
    raises("EXISTS", "spam", tasks.add, tasks, {"spam"})
    raises("NOT_FOUND", "no.csv", tasks.add, tasks, {"x", parts = {a = "text"}, train = folder .. "/no.csv"})
    raises("ARGUMENT", "split", tasks.tasks.spam.read, tasks.tasks.spam, {{message = "x"}}, {split = "dev"})
    local opened = assert(pathways.open(folder .. "/one.pathways"))
    raises("STATE", "training rows", opened.fit, opened, {steps = 1})
    local _, err = pathways.open(folder .. "/nosuch")
    equal("so: " .. err, "so: " .. err.message)
    assert(err.file:find("nosuch"))
end)

test("everything may end in any order", function()
    local calls = setmetatable({}, {__mode = "k"})
    local function live()
        local tasks = pathways.registry()
        local function row(i) return {text = i % 2 == 0 and "cash" or "lunch", target = i % 2} end
        local function progress() end
        calls[row], calls[progress] = true, true
        local task = tasks:add{"x", parts = {text = "text"}, train = row, n = 30}
        local made = pathways.model(tasks, rig.small)
        tasks = nil
        collectgarbage()
        equal(task.name, "x")
        local of_model
        made:fit{steps = 3, progress = progress}
        of_model, made = made:tasks()[1], nil
        collectgarbage()
        equal(#of_model:labels(), 2)
    end
    live()
    for _ = 1, 3 do collectgarbage() end
    equal(next(calls), nil)
end)

test("the tokenizer and the router", function()
    local bytes = pathways.tokenizer()
    equal(bytes.vocab, 257)
    equal(table.concat(bytes:encode("AB"), " "), "65 66")
    equal(bytes:decode(bytes:encode("h\xC3\xA9")), "h\xC3\xA9")
    equal(bytes:decode{}, "")
    local learned = pathways.tokenizer{texts = {("the cat and the hat "):rep(20)}, vocab = 270}
    assert(#learned:encode("the hat") < 7)
    learned:save(folder .. "/tokenizer.json")
    equal(#pathways.tokenizer{open = folder .. "/tokenizer.json"}:encode("the hat"), #learned:encode("the hat"))
    local router = pathways.router{experts = 4}
    local chosen, gates = router:route{{1, 2, 3, 4}, {4, 3, 2, 1}}
    equal(table.concat(chosen[1], " ") .. " " .. table.concat(chosen[2], " "), "2 3 0 1")
    assert(math.abs(gates[1][1] + gates[1][2] - 1) < 1e-6)
    equal(table.concat(router:load(), " "), "1 1 1 1")
    raises("ARGUMENT", "topk", pathways.router, {experts = 2, topk = 3})
    local entropy, violation, dropped = router:balance()
    assert(math.abs(entropy - math.log(4)) < 1e-6 and violation == 0 and dropped == 0)
    local routes = pathways.routes()
    router:use_routes(routes, "record")
    router:route{{1, 2, 3, 4}}
    equal(routes:count(), 1)
    routes:save(folder .. "/one.routes")
    router:use_routes(pathways.routes{open = folder .. "/one.routes"}, "replay")
    equal(table.concat(router:route{{4, 3, 2, 1}}[1], " "), "2 3")
    raises("ARGUMENT", "routes", router.route, router, {{1, 2, 3, 4}})
    router:use_routes(nil, "off")
    equal(table.concat(router:route{{4, 3, 2, 1}}[1], " "), "0 1")
    raises("ARGUMENT", "replay", router.use_routes, router, routes, "keep")
end)

rig.done()
