// Lets the official TypeScript client talk to a simulator and prints what it understood.
// Arguments: base URL, inference key, management key. The client validates every answer with zod and
// throws on the first field that is not as the real service has it.
import { OpenRouter } from "@openrouter/sdk";

const [serverURL, inferenceKey, managementKey] = process.argv.slice(2);
const model = "anthropic/claude-sonnet-4";
const messages = [{ role: "user", content: "Good morning" }];

function client(apiKey) {
  return new OpenRouter({ apiKey, serverURL, retryConfig: { strategy: "none" }, timeoutMs: 10000 });
}

async function collect(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

async function firstPage(pages) {
  for await (const page of pages) return page.result.data;
  return [];
}

async function inference(sdk) {
  const chat = await sdk.chat.send({ chatRequest: { model, messages, user: "user-1" } });
  const chunks = await collect(
    await sdk.chat.send({ chatRequest: { model, messages, stream: true } }),
  );
  const response = await sdk.responses.send({ responsesRequest: { model, input: "Good morning" } });
  const events = await collect(
    await sdk.responses.send({ responsesRequest: { model, input: "Good morning", stream: true } }),
  );
  const embeddings = await sdk.embeddings.generate({
    requestBody: { model: "openai/text-embedding-3-small", input: "one", dimensions: 4 },
  });
  const generation = await sdk.generations.getGeneration({ id: chat.id });
  return {
    chat: { id: chat.id, cost: chat.usage.cost, byok: chat.usage.isByok },
    stream: { chunks: chunks.length, cost: chunks.at(-1).usage.cost },
    responses: { cost: response.usage.cost },
    responsesStream: {
      types: [...new Set(events.map((event) => event.type))],
      cost: events.at(-1).response.usage.cost,
    },
    embeddings: { length: embeddings.data[0].embedding.length, cost: embeddings.usage.cost },
    generation: { cost: generation.data.totalCost, user: generation.data.externalUser },
  };
}

async function management(sdk) {
  const created = await sdk.apiKeys.create({
    requestBody: { name: "Acme", limit: 5, limitReset: "weekly" },
  });
  const hash = created.data.hash;
  const changed = await sdk.apiKeys.update({ hash, requestBody: { disabled: true } });
  const shown = await sdk.apiKeys.get({ hash });
  const listed = await sdk.apiKeys.list();
  const deleted = await sdk.apiKeys.delete({ hash });
  const own = await sdk.apiKeys.getCurrentKeyMetadata();
  const credits = await sdk.credits.getCredits();
  const activity = await sdk.analytics.getUserActivity();
  const meta = await sdk.analytics.getAnalyticsMeta();
  const query = await sdk.analytics.queryAnalytics({
    requestBody: { metrics: ["total_usage"], dimensions: ["generation_id"] },
  });
  return {
    key: { secret: created.key, limit: shown.data.limit, disabled: changed.data.disabled },
    listed: listed.data.map((key) => key.name),
    deleted: deleted.deleted,
    own: { management: own.data.isManagementKey },
    credits: credits.data.totalUsage,
    activity: activity.data.reduce((sum, item) => sum + item.usage, 0),
    dimensions: meta.data.dimensions.map((dimension) => dimension.name),
    generations: query.data.data.length,
  };
}

const user = client(inferenceKey);
console.log(
  JSON.stringify({
    models: (await firstPage(await user.models.list())).map((entry) => entry.id),
    inference: await inference(user),
    management: await management(client(managementKey)),
  }),
);
