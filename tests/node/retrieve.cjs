// Asks the market for trades as the platform's Transactions service does: over TLS, trusting one file and nothing else.
//
//   node retrieve.cjs ADDRESS TRUSTED.pem PROTO
//
// Prints the number of trades, or the error and exits with 1.
const { readFileSync } = require("node:fs");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [address, trusted, proto] = process.argv.slice(2);
const { AuthenticatedMarketService } = grpc.loadPackageDefinition(loader.loadSync(proto, { keepCase: true })).proto;
const client = new AuthenticatedMarketService(address, grpc.credentials.createSsl(readFileSync(trusted)));
const deadline = new Date(Date.now() + 20_000);

client.RetrieveMatches({}, { deadline }, (error, answer) => {
  if (error) {
    console.error(error.message);
    process.exitCode = 1;
  } else {
    console.log((answer.matches ?? []).length);
  }
  client.close();
});
