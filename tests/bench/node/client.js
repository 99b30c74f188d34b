// A Node client as it is usually written: `lookup TARGET ID PROTO_DIRECTORY` as a process, `assign TARGET FILE
// PROTO_DIRECTORY` from NDJSON to NDJSON. It is what the same user would have had from grpc-js.
'use strict';

const fs = require('node:fs');
const readline = require('node:readline');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

function connect(target, protoDirectory) {
  const definition = protoLoader.loadSync('dispatchpb/dispatch.proto', {
    includeDirs: [protoDirectory],
    keepCase: true,
    defaults: true,
  });
  const { dispatchpb } = grpc.loadPackageDefinition(definition);
  return new dispatchpb.DispatchGateway(target, grpc.credentials.createInsecure());
}

function fail(error) {
  process.stderr.write(`client.js: ${error.message}\n`);
  process.exitCode = 1;
}

function lookup(client, courierId) {
  client.GetCourierStatus({ courier_id: courierId }, (error, reply) => {
    if (error) fail(error);
    else process.stdout.write(`${JSON.stringify(reply)}\n`);
    client.close();
  });
}

async function assign(client, path) {
  const stream = client.StreamAssignments();
  stream.on('data', (result) => process.stdout.write(`${JSON.stringify(result)}\n`));
  const ended = new Promise((resolve, reject) => {
    stream.on('end', resolve);
    stream.on('error', reject);
  });
  for await (const line of readline.createInterface({ input: fs.createReadStream(path) })) {
    if (!stream.write(JSON.parse(line))) {
      await new Promise((resolve) => { stream.once('drain', resolve); });
    }
  }
  stream.end();
  await ended;
  client.close();
}

const [command, target, subject, protoDirectory] = process.argv.slice(2);
if (protoDirectory === undefined || !['lookup', 'assign'].includes(command)) {
  process.stderr.write('usage: client.js lookup TARGET ID PROTO_DIRECTORY | assign TARGET FILE PROTO_DIRECTORY\n');
  process.exit(2);
}
const client = connect(target, protoDirectory);
if (command === 'lookup') lookup(client, subject);
else assign(client, subject).catch(fail);
