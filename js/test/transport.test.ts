import { describe, expect, it } from "vitest";
import { statuses } from "../src/protocol.ts";
import { mainAction } from "../src/view/transport.ts";

describe("the main button", () => {
  it.each(["stopped", "failed"] as const)(
    "says that it begins anew, with the prompts that were typed: %s",
    (status) => {
      const { label, hint, command } = mainAction(status);
      expect(command.type).toBe("start");
      expect(label).toBe("Start over");
      expect(hint).toMatch(/new video.*timeline.*the prompts that were typed among them/);
    },
  );

  it("says that it goes on where a video was made to its end", () => {
    expect(mainAction("done")).toMatchObject({ label: "Go on", command: { type: "start" } });
    expect(mainAction("done").hint).toMatch(/go on with this video/);
  });

  it.each(statuses)("says what it will do, whatever the status: %s", (status) => {
    expect(mainAction(status).hint).not.toBe("");
  });
});
