// The floors of the page: a module imports only from floors below its own, and those that share
// a floor do not know each other.
const floors = ["(fields|patience)", "panel", "protocol", "connection", "playback", "(view|charts|timeline)", "(recording|explorer)", "(widget|page|tradeoffs|browser)"];
const path = (name) => `^src/${name}(\\.ts|/)`;
const neighbours = ["view", "charts", "timeline"];

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    { name: "no-unknown", severity: "error", from: {}, to: { couldNotResolve: true } },
    ...floors.flatMap((floor, height) =>
      floors.slice(height + 1).map((above) => ({
        name: `${floor}-below-${above}`,
        severity: "error",
        from: { path: path(floor) },
        to: { path: path(above) },
      })),
    ),
    ...neighbours.map((room) => ({
      name: `${room}-alone-on-its-floor`,
      severity: "error",
      from: { path: path(room) },
      to: {
        path: path(`(${neighbours.filter((other) => other !== room).join("|")})`),
        pathNot: "^src/view/(elements|menu|prompt-field|transition-menu)\\.ts$", // what all of them are made of
      },
    })),
    {
      name: "playback-is-pure",
      severity: "error",
      from: { path: "^src/(fields|patience|panel|protocol|playback)" },
      to: { path: "@anywidget" },
    },
  ],
  // TypeScript 7 lets no other program parse with it; without a parser nothing would be looked at
  options: { parser: "swc", tsPreCompilationDeps: true, doNotFollow: { path: "node_modules" } },
};
