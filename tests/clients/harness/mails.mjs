// Access to the mails that a server has written to its folder.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export class Mails {
  #folder;
  #read = new Set();

  constructor(folder) {
    this.#folder = folder;
  }

  /** All mails to an address that have not been returned before, as text without the line breaks of the transfer encoding. */
  unread(address) {
    const files = existsSync(this.#folder) ? readdirSync(this.#folder).sort() : [];
    const mails = files.filter((file) => !this.#read.has(file)).map((file) => [file, readFileSync(join(this.#folder, file), "utf8")]);
    const found = mails.filter(([, text]) => text.includes(address));
    for (const [file] of found) this.#read.add(file);
    return found.map(([, text]) => text.replaceAll("=\r\n", "").replaceAll("=3D", "="));
  }

  /** Waits for a mail to an address and returns `token` and `tokenId` of the latest one. */
  async link(address) {
    for (const end = Date.now() + 5000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 20))) {
      const mail = this.unread(address).at(-1);
      if (!mail) continue;
      const [, token, tokenId] = mail.match(/token=([0-9a-f]+)&(?:amp;)?tokenId=([0-9a-f]+)/);
      return { token, tokenId, mail };
    }
    throw new Error(`no mail to ${address}`);
  }
}
