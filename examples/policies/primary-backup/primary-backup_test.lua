local decide = policy "store/routes/SHOP/policy"

local neighbors = { { local_as = 65000, peer_as = 65001 } }

local function at(site, primary)
  return decide:run(ctx({
    node = { labels = { site = site } },
    neighbors = neighbors,
    data = { ["primary-site"] = primary },
  }))
end

test("the primary announces as the config has it, the backup a longer path", function()
  expect(at("fra")):announces()
  expect(at("ams")):announces({ prepend = 3 })
end)

test("the key swaps them", function()
  expect(at("ams", "ams")):announces()
  expect(at("fra", "ams")):announces({ prepend = 3 })
end)

test("the key may speak of some routes only", function()
  expect(at("ams", { [ctx({}).route.name] = "ams" })):announces()
  expect(at("ams", { OTHER = "ams" })):announces({ prepend = 3 })
end)

test("a slip of the pen leaves nobody without a route", function()
  for _, site in ipairs({ "ams", "fra" }) do
    expect(at(site, "amsterdam")):announces({ prepend = 3 })
    expect(at(site, 7)):has({ verdict = "announce" })
  end
end)

test("what is down is withdrawn, at the primary too", function()
  local said = decide:run(ctx({ healthy = false, reason = "status 503", node = { labels = { site = "fra" } } }))
  expect(said):withdraws("status 503")
end)
