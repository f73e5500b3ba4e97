// An example of a program that sends applications with a client generated from the API's description: it connects an
// employer, stores and links a job, submits a document and waits until the ATS has it. Run it as README.md tells.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Problem = components["schemas"]["Problem"];
type Document = components["schemas"]["Document"];

// wanted reads a setting from the environment.
function wanted(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}`);
  return value;
}

// good returns what was answered, or says in a person's words what was refused.
function good<T>(answer: { data?: T; error?: Problem }): T {
  if (answer.error) {
    const { code, detail, remedy, errors, checks } = answer.error;
    const fields = (errors ?? []).map((e) => `\n  ${e.path}: ${e.message}`);
    const findings = (checks ?? []).filter((c) => !c.ok).map((c) => `\n  ${c.id}: ${c.cause}: ${c.whose_turn}: ${c.remedy}`);
    throw new Error([`${code}: ${detail}`, remedy ? ` (${remedy})` : "", ...fields, ...findings].join(""));
  }
  return answer.data as T;
}

const api = createClient<paths>({
  baseUrl: wanted("ATSSYNC"),
  headers: { Authorization: `Bearer ${wanted("TOKEN")}` },
});

const account = wanted("ACCOUNT");
const job = "backend";

// connected returns the account's connection, and makes it first where there is none.
async function connected() {
  const known = good(await api.GET("/v1/connections", { params: { query: { account, adapter: "greenhouse" } } }));
  if (known.items[0]) return known.items[0];
  const { connection, checks } = good(
    await api.POST("/v1/connections", {
      body: {
        account,
        adapter: "greenhouse",
        fields: { api_key: wanted("API_KEY"), on_behalf_of: wanted("ON_BEHALF_OF") },
      },
    }),
  );
  for (const check of checks) console.log(`${check.ok ? "ok" : "!!"} ${check.id} ${check.cause ?? ""}`);
  return connection;
}

const connection = await connected();

good(await api.PUT("/v1/platform-jobs", { body: { jobs: [{ id: job, account, title: "Backend Engineer" }] } }));
good(await api.POST("/v1/connections/{connection}/jobs/refresh", { params: { path: { connection: connection.id } } }));
const jobs = good(
  await api.GET("/v1/connections/{connection}/jobs", { params: { path: { connection: connection.id }, query: { open: true } } }),
);
const atsJob = process.env["ATS_JOB"] ?? jobs.items[0]?.id;
if (!atsJob) throw new Error("the ATS shows no open job");
good(
  await api.PUT("/v1/connections/{connection}/job-links/{job}", {
    params: { path: { connection: connection.id, job } },
    body: { ats_job: atsJob, backlog: { mode: "all" } },
  }),
);

// The feed is read from its end on, so that nothing that follows is missed.
let { next } = good(await api.GET("/v1/events", { params: { query: { connection: connection.id, after: "last" } } }));

const document: Document = {
  connection: connection.id,
  external_id: `app-${Date.now()}`,
  job,
  person: {
    first_name: "Ada",
    last_name: "Example",
    emails: [{ address: "ada@example.com", type: "personal" }],
  },
  answers: [{ question: "Why us?", answer: "Because of the work." }],
  application_url: "https://platform.example.com/applications/4711",
};
const accepted = good(await api.POST("/v1/submissions", { body: document }));
console.log(`${accepted.result} ${accepted.id} ${accepted.state}`);

const again = good(await api.POST("/v1/submissions", { body: document }));
if (again.result !== "unchanged" || again.id !== accepted.id) throw new Error("sent twice, it is not the same submission");

for (let arrived = false; !arrived; ) {
  const page = good(await api.GET("/v1/events", { params: { query: { connection: connection.id, after: next, wait: 20 } } }));
  for (const event of page.items) {
    // The type of an event tells the form of its data, to the compiler too.
    switch (event.type) {
      case "submission.submitted":
        console.log(`submitted ${event.data.external_id} ${event.data.receipt?.profile_url}`);
        arrived = true;
        break;
      case "submission.held":
        throw new Error(`held: ${event.data.held_reason}: ${event.data.remedy}`);
      case "application.status_changed":
        console.log(`${event.data.status}/${event.data.phase} (${event.data.mapping})`);
        break;
    }
  }
  next = page.next;
}

const read = good(await api.GET("/v1/submissions/{submission}", { params: { path: { submission: accepted.id ?? "" } } }));
console.log(`${read.state} after ${read.attempts_made.length} attempt(s)`);
