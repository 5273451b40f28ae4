// The plugin mailbox: its one action, mailbox.unread.

import { JSON, JSONEncoder } from "assemblyscript-json/assembly";
import { exchange, invocation, respond, respondError, text } from "./postern";

// most is how many unread messages are counted.
const most = 1000;

export function postern_invoke(): i32 {
  const parameters = invocation().getObj("parameters")!;
  return unread(text(parameters, "mailbox"));
}

// unread counts the unread messages of a mailbox.
function unread(mailbox: string): i32 {
  const request = new JSONEncoder();
  request.pushObject(null);
  request.setString("op", "graph");
  request.setString("capability", "mailbox.read");
  request.setString("method", "GET");
  request.setString("path", "/users/{user}/messages");
  request.pushObject("params");
  request.setString("user", mailbox);
  request.popObject();
  request.pushObject("query");
  request.setString("$filter", "isRead eq false");
  request.setString("$select", "id");
  request.popObject();
  request.pushObject("page");
  request.setInteger("limit", most);
  request.popObject();
  request.popObject();

  const reply = exchange(request);
  const error = reply.getObj("error");
  if (error != null) return respondError(error);
  const messages = reply.getObj("body")!.getArr("value")!.valueOf();
  const truncated = reply.getBool("truncated");

  const result = new JSONEncoder();
  result.pushObject(null);
  result.pushArray("data");
  result.pushObject(null);
  result.setString("mailbox", mailbox);
  result.setInteger("unread", messages.length);
  result.popObject();
  result.popArray();
  result.setBoolean("truncated", truncated != null && truncated.valueOf());
  result.popObject();
  return respond(result);
}
