// Calls npm's `jenkins` as it is told on standard input, one call a line: ["build.get", ["job", 7]].
// Each answer is one line: {"value": ...} or {"error": "..."}. The argument is the address with user and secret.
"use strict";

const readline = require("node:readline");
const Jenkins = require("jenkins");

const client = new Jenkins({ baseUrl: process.argv[2] });

async function answer(line) {
  const [name, args] = JSON.parse(line);
  const [room, method] = name.includes(".") ? name.split(".") : [null, name];
  try {
    const value = await (room ? client[room][method](...args) : client[method](...args));
    return { value: value === undefined ? null : value };
  } catch (error) {
    return { error: error.message };
  }
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answer(line)) + "\n");
  }
})();
