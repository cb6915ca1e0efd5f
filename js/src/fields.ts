// What comes from outside, piece by piece: unknown until it has been looked at here.

export class ProtocolError extends Error {}

/** The bytes of a buffer: hosts hand over a DataView, an ArrayBuffer or a typed array. */
export function bytesOf(buffer: unknown): Uint8Array<ArrayBuffer> {
  if (buffer instanceof ArrayBuffer) {
    return new Uint8Array(buffer);
  }
  if (ArrayBuffer.isView(buffer)) {
    return new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteLength);
  }
  throw new ProtocolError(`a buffer is missing, or no bytes: ${JSON.stringify(buffer)}`);
}

/** The bytes that a text in base64 says. */
export function bytesIn(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64.trim()), (letter) => letter.charCodeAt(0));
}

export type Fields = Record<string, unknown>;

export function object(value: unknown, what: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ProtocolError(`${what} is no object: ${JSON.stringify(value)}`);
  }
  return value as Fields;
}

export function number(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new ProtocolError(`${name} is no number: ${JSON.stringify(value)}`);
  }
  return value;
}

export function numberOrNull(fields: Fields, name: string): number | null {
  return fields[name] === null ? null : number(fields, name);
}

export function numberList(fields: Fields, name: string): number[] {
  const values = list(fields, name);
  if (!values.every((value) => typeof value === "number" && Number.isFinite(value))) {
    throw new ProtocolError(`${name} are not all numbers: ${JSON.stringify(values)}`);
  }
  return values as number[];
}

export function numbers(fields: Fields, name: string): Record<string, number> {
  const values = object(fields[name], name);
  return Object.fromEntries(Object.keys(values).map((key) => [key, number(values, key)]));
}

export function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== "string") {
    throw new ProtocolError(`${name} is no text: ${JSON.stringify(value)}`);
  }
  return value;
}

export function boolean(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (typeof value !== "boolean") {
    throw new ProtocolError(`${name} is neither true nor false: ${JSON.stringify(value)}`);
  }
  return value;
}

export function list(fields: Fields, name: string): unknown[] {
  const value = fields[name];
  if (!Array.isArray(value)) {
    throw new ProtocolError(`${name} is no list: ${JSON.stringify(value)}`);
  }
  return value;
}

export function texts(fields: Fields, name: string): string[] {
  const values = list(fields, name);
  if (!values.every((value) => typeof value === "string")) {
    throw new ProtocolError(`${name} are not all text: ${JSON.stringify(values)}`);
  }
  return values;
}

export function oneOf<T extends string>(fields: Fields, name: string, allowed: readonly T[]): T {
  const value = text(fields, name);
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) {
    throw new ProtocolError(`${name} ${JSON.stringify(value)} is none of ${allowed.join(", ")}`);
  }
  return found;
}
