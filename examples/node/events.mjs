// What happens, for ever: yields [event, data], over all that goes away meanwhile. Node 18 or later.
const headers = { Authorization: `Bearer ${process.env.C2D_KEY}` };

export async function* events(query = "") {
  for (;;) {
    try {
      const response = await fetch(`${process.env.C2D_URL}/click2dial/events${query}`, { headers });
      if (!response.ok) throw Object.assign(new Error(await response.text()), { status: response.status });
      let [rest, event] = ["", ""];
      for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + part).split(/\r?\n/);
        rest = lines.pop();
        for (const line of lines) {
          const [, name, value] = /^(\w+): (.*)$/.exec(line) ?? [];
          if (name === "event") event = value;
          if (name === "data") yield [event, JSON.parse(value)];
        }
      }
    } catch (error) {
      console.error(error.message); // the server, its Redis or the network is away
      if ((error.status ?? 503) !== 503) process.exit(1); // that does not get better
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
