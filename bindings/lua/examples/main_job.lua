-- The main job in Lua: three tasks through three senses, one model, one file.
-- lua main_job.lua FOLDER [MINUTES]: FOLDER holds mail.tsv (class, message), motors/ (a folder of WAV files for each
-- class) and people.csv (income and other columns).
local pathways = require "pathways"
local folder, minutes = arg[1] or ".", tonumber(arg[2] or 1)

local tasks = pathways.registry()
tasks:add{"spam", kind = "classify", parts = {message = "text"}, train = folder .. "/mail.tsv", target = "class"}
tasks:add{"fault", kind = "classify", parts = {sound = "audio"}, train = folder .. "/motors"}   -- a folder a class
tasks:add{"income", kind = "classify", parts = {person = "table"}, train = folder .. "/people.csv", target = "income"}

local model = pathways.model(tasks)                                                             -- sized by the rows
model:fit{minutes = minutes, seed = 1, progress = function(p)
    io.stderr:write(("\r%3.0f%%  loss %.3f "):format(100 * p.share, p.loss))
    return p.loss < .001                                                                        -- true stops the run
end}
model:save("one.pathways")

model = assert(pathways.open("one.pathways"))
local answer = assert(model:predict("spam", {message = "You won a prize"}))
print(("\n%s (%.0f%%), %.1f%% of the model awake"):format(answer.label, 100 * answer.score, 100 * answer.active_share))
print(select(2, model:predict("spam", {message = ""})))
