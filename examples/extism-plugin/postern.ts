// What a plugin in AssemblyScript needs to talk to Postern: copy this file.

import { Host, LogLevel, Memory } from "@extism/as-pdk";
import { length } from "@extism/as-pdk/lib/env";
import { JSON, JSONEncoder } from "assemblyscript-json/assembly";

@external("extism:host/user", "postern_request")
declare function postern_request(exchange: u64): u64;

// invocation is what Postern asks for: its action, parameters and time.
export function invocation(): JSON.Obj {
  return <JSON.Obj>JSON.parse(Host.input());
}

// exchange asks Postern for one exchange and returns the reply. A refused exchange
// is a reply, too: one with an error.
export function exchange(document: JSONEncoder): JSON.Obj {
  const asked = Memory.allocateBytes(document.serialize());
  const offset = postern_request(asked.offset);
  const reply = new Memory(offset, length(offset));
  const answer = <JSON.Obj>JSON.parse(reply.toUint8Array());
  asked.free();
  reply.free();
  return answer;
}

// respond ends the invocation with a result.
export function respond(result: JSONEncoder): i32 {
  Host.outputMemory(Memory.allocateBytes(result.serialize()));
  return 0;
}

// respondError ends the invocation with the error of a reply, as it came.
export function respondError(error: JSON.Obj): i32 {
  const result = new JSONEncoder();
  result.pushObject(null);
  result.pushObject("error");
  result.setString("code", text(error, "code"));
  result.setString("message", text(error, "message"));
  result.popObject();
  result.popObject();
  return respond(result);
}

// text is the string of this name, or "" if there is none.
export function text(object: JSON.Obj, name: string): string {
  const value = object.getString(name);
  return value == null ? "" : value.valueOf();
}

// onAbort takes the place of the environment's abort, which Postern does not offer:
// the invocation fails, and the reason goes to the host's log.
export function onAbort(message: string | null, file: string | null, line: u32, column: u32): void {
  const reason = message == null ? "aborted" : message;
  Host.log(LogLevel.Error, reason + ", line " + line.toString());
  unreachable();
}
