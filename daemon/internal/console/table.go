package console

// table is every page and act, with who may use it. A test holds that nobody sees here what is not theirs.
func (c *Console) table() []route {
	at := func(method, below string, a access, do func(*visit) error) route {
		return route{method + " " + Root + below, a, do}
	}
	get := func(below string, a access, do func(*visit) error) route { return at("GET", below, a, do) }
	post := func(below string, a access, do func(*visit) error) route { return at("POST", below, a, do) }
	const (
		one  = "/connections/{connection}"
		sub  = "/submissions/{submission}"
		hook = "/webhooks/{webhook}"
	)
	return []route{
		get("/login", open, c.loginPage),
		post("/login", open, c.login),
		get(openPath+"{secret}", open, c.openPage),
		post(openPath+"{secret}", open, c.openLink),
		post("/logout", open, c.logout),

		get("", known, c.overview),
		get("/{$}", open, func(v *visit) error { return v.back("", "") }),
		get("/connections", reads, c.connections),
		get(one, reads, c.connection),
		get(one+"/settings", admins, c.settingsPage),
		post(one+"/settings", admins, c.settings),
		get(one+"/repair", admins, c.repairPage),
		post(one+"/repair", admins, c.repair),
		post(one+"/check", admins, c.check),
		post(one+"/pause", admins, c.pause),
		post(one+"/resume", admins, c.resume),
		post(one+"/release", admins, c.release),
		post(one+"/hook", admins, c.hook),
		get(one+"/jobs", reads, c.jobs),
		post(one+"/jobs", admins, c.link),
		post(one+"/jobs/refresh", admins, c.refreshJobs),
		post(one+"/jobs/unlink", admins, c.unlink),
		get(one+"/exchanges", reads, c.exchanges),

		get("/connect-link", admins, c.connectLinkPage),
		post("/connect-link", admins, c.connectLink),
		get("/connect-links", admins, c.connectLinks),
		post("/connect-links/{connect_link}/revoke", admins, c.revokeConnectLink),

		get("/submissions", looks, c.submissions),
		post("/submissions", submits, c.actMany),
		get(sub, looks, c.submission),
		post(sub, looks, c.openSubmission),
		post(sub+"/act", submits, c.act),
		post(sub+"/resolve", admins, c.resolve),

		get("/events", reads, c.events),
		get("/webhooks", readsAll, c.webhooks),
		get(hook, readsAll, c.webhook),
		post(hook+"/act", adminsAll, c.webhookAct),
		get(hook+"/{sequence}", readsAll, c.delivery),
		get("/passes", readsAll, c.passes),
		post("/passes/{pass}", adminsAll, c.runPass),
		get("/adapters", reads, c.adapters),
		get("/audit", adminsAll, c.audit),
		get("/tokens", adminsAll, c.tokens),
		post("/tokens/{token}/revoke", adminsAll, c.revokeToken),
	}
}
