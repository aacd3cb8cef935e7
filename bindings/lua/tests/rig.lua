--- What the tests share: which module they test, the data they learn from, and checks.
local rig = {passed = 0, failed = 0}

local installed = os.getenv("PATHWAYS_INSTALLED")
local here = installed or (os.getenv("top_builddir") or ".") .. "/bindings/lua/tree"
package.path = here .. "/?.lua;" .. package.path
package.cpath = here .. "/?.so;" .. package.cpath
rig.pathways = require "pathways"
rig.small = {d = 32, layers = 1, heads = 2, experts = 4, hidden = 32, vocab = 300}

-- A random number generator of its own: the same rows in every Lua.
local state = 1
function rig.random(n)
    state = (state * 48271) % 2147483647
    return state % n + 1
end

local words = {spam = {"prize", "cash", "winner", "the", "you", "a"},
               ham = {"lunch", "home", "meeting", "the", "you", "a"}}

function rig.message(label)
    local out = {}
    for i = 1, 8 do out[i] = words[label][rig.random(6)] end
    return table.concat(out, " ")
end

--- Samples in -1..1 at 8000 Hz.
function rig.tone(label)
    local out, pitch, phase = {rate = 8000}, label == "low" and 300 or 2500, rig.random(628) / 100
    for i = 1, 1600 do
        out[i] = .5 * math.sin(phase + 2 * math.pi * pitch * i / 8000) + (rig.random(100) - 50) / 1000
    end
    return out
end

local function write(path, text)
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
end

local function write_sound(path, samples)
    local data = {}
    for i, sample in ipairs(samples) do data[i] = string.pack("<i2", math.floor(32000 * sample)) end
    data = table.concat(data)
    write(path, "RIFF" .. string.pack("<I4", 36 + #data) .. "WAVEfmt " ..
          string.pack("<I4I2I2I4I4I2I2", 16, 1, 1, 8000, 16000, 2, 16) .. "data" .. string.pack("<I4", #data) .. data)
end

--- A folder with mail.tsv, people.csv and motors/; rig.done takes it away.
function rig.data()
    rig.folder = os.tmpname()
    os.remove(rig.folder)
    assert(os.execute("mkdir -p '" .. rig.folder .. "/motors/low' '" .. rig.folder .. "/motors/high'"))
    local mail, people = {"class\tmessage"}, {"age,job,income"}
    for i = 1, 300 do
        local label, age = i % 2 == 0 and "spam" or "ham", 17 + rig.random(60)
        local job = rig.random(2) == 1 and "clerk" or "chief"
        mail[i + 1] = label .. "\t" .. rig.message(label)
        people[i + 1] = ("%d,%s,%s"):format(age, job, (age > 40) == (job == "chief") and "more" or "less")
    end
    write(rig.folder .. "/mail.tsv", table.concat(mail, "\n") .. "\n")
    write(rig.folder .. "/people.csv", table.concat(people, "\n") .. "\n")
    for i = 1, 40 do
        local label = i % 2 == 0 and "low" or "high"
        write_sound(("%s/motors/%s/%d.wav"):format(rig.folder, label, i), rig.tone(label))
    end
    return rig.folder
end

--- Runs one test; its error is shown, the others go on.
function rig.test(name, run)
    local done, err = xpcall(run, function(e) return debug.traceback(tostring(e), 2) end)
    rig[done and "passed" or "failed"] = rig[done and "passed" or "failed"] + 1
    if not done then print("failed: " .. name .. "\n" .. err) end
end

function rig.equal(got, expected)
    if got ~= expected then error(("%s; %s would be right"):format(tostring(got), tostring(expected)), 2) end
end

--- That ... fails with this status and words.
function rig.raises(status, pattern, call, ...)
    local done, err = pcall(call, ...)
    if done then error("nothing was raised", 2) end
    if not tostring(err):find(pattern) then
        error(tostring(err) .. "; something like '" .. pattern .. "' would be right", 2)
    end
    if status and err.status ~= rig.pathways.status[status] then error(("status %s: %s"):format(err.status, err), 2) end
end

--- That nil and this error came back.
function rig.refused(status, pattern, got, err)
    rig.equal(got, nil)
    rig.raises(status, pattern, error, err, 0)
end

function rig.done()
    if rig.folder then os.execute("rm -rf '" .. rig.folder .. "'") end
    print(("%d passed, %d failed"):format(rig.passed, rig.failed))
    os.exit(rig.failed == 0, true)
end

return rig
