// Takes events from atssync in: an example to copy into a platform. It verifies the signature with the official library of
// Standard Webhooks, takes each event once, and prints what it took, a JSON line each.
//
//   npm ci && WEBHOOK_SECRET=whsec_… LISTEN=127.0.0.1:8090 node receiver.js
//
// A receiver keeps three rules. It verifies before it believes anything. It answers 2xx only when the event is safe on its
// own disk, since what was answered is not sent again. And it knows events by their webhook-id: the same one may come more
// than once, after a lost answer or a replay, always with the same content. Within one application events come in order of
// endpoint_sequence; after a replay an older one may follow a newer one, so the highest data.revision wins.
import { createServer } from "node:http";
import { writeSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const maxBody = 1 << 20;
const webhook = new Webhook(process.env.WEBHOOK_SECRET);
const refuse = process.env.REFUSE; // an external id whose events are not taken, to try out what happens then
const seen = new Set(); // webhook-ids; a platform keeps them with its data

// The bytes as they came: a body that was decoded and encoded again has another signature.
async function read(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    if ((size += chunk.length) > maxBody) throw new Error("the body is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

// take does with an event what the platform does with it.
function take(event, body) {
  if (refuse && event.data?.external_id === refuse) throw new Error(`events of ${refuse} are not taken here`);
  if (seen.has(event.id)) return; // taken before: it is ours, and that is the answer
  writeSync(1, body + "\n");
  seen.add(event.id);
}

const server = createServer(async (request, response) => {
  const answer = (status, text = "") => response.writeHead(status).end(text);
  let body, event;
  try {
    body = await read(request);
  } catch {
    return answer(400, "the body cannot be read");
  }
  try {
    event = webhook.verify(body, request.headers);
  } catch {
    return answer(401, "the signature is not right");
  }
  try {
    take(event, body);
  } catch (error) {
    return answer(500, error.message); // it will be sent again
  }
  answer(204);
});

const [host, port] = (process.env.LISTEN ?? "127.0.0.1:8090").split(":");
server.listen(Number(port), host, () => {
  const { address, port } = server.address();
  console.error(`listening on http://${address}:${port}`);
});
