/** Which microphone, speaker and ringer are used: the agent's choice, as long as it is plugged in. */

import { hasTexts, kept } from "./kept.js";

const REMEMBERED = "click2dial.devices";

/** What can be chosen, and what browsers call it. */
const KINDS = { microphone: "audioinput", speaker: "audiooutput", ringer: "audiooutput" };

// What Chromium lists beside the devices themselves: whichever the system uses.
const ALIASES = ["default", "communications", ""];

/**
 * Emits "change" ({kind}) when another device is to be used, and "gone" ({kind, label}) and "back"
 * ({kind, label}) when one that was chosen is unplugged, and plugged in again.
 */
class Devices extends EventTarget {
  #chosen = remembered(); // {id, label} of each kind that was chosen
  #present = [];

  /** The kinds that this browser lets a page choose. */
  get kinds() {
    if (!navigator.mediaDevices?.enumerateDevices) return [];
    const offered = ["microphone"];
    if ("setSinkId" in HTMLMediaElement.prototype) offered.push("speaker");
    if ("setSinkId" in AudioContext.prototype) offered.push("ringer");
    return offered;
  }

  /** Look what there is, now and whenever something is plugged in or unplugged. */
  async watch() {
    if (this.kinds.length === 0) return;
    navigator.mediaDevices.addEventListener("devicechange", this.#look);
    await this.#look();
  }

  /** The devices of a kind, as {deviceId, label}. */
  of(kind) {
    return this.#present.filter(
      (device) => device.kind === KINDS[kind] && !ALIASES.includes(device.deviceId),
    );
  }

  /** The id of the device to use; "" leaves it to the browser. */
  idOf(kind) {
    const id = this.#chosen[kind]?.id ?? "";
    return this.#isPresent(kind, id) ? id : "";
  }

  /** The constraint for the microphone. */
  get audio() {
    const id = this.idOf("microphone");
    return id ? { deviceId: { exact: id } } : true;
  }

  /** Use a device from now on; "" leaves it to the browser. */
  choose(kind, id) {
    const label = this.of(kind).find(({ deviceId }) => deviceId === id)?.label;
    if (label === undefined) delete this.#chosen[kind];
    else this.#chosen[kind] = { id, label };
    kept.keep(REMEMBERED, JSON.stringify(this.#chosen));
    this.#emit("change", { kind });
  }

  #look = async () => {
    const before = this.#present;
    this.#present = await navigator.mediaDevices.enumerateDevices();
    for (const kind of this.kinds) {
      const { id, label } = this.#chosen[kind] ?? {};
      if (!id) continue;
      const [was, is] = [before, this.#present].map((devices) => has(devices, kind, id));
      if (is === was && before.length > 0) continue;
      if (!is || before.length > 0) this.#emit(is ? "back" : "gone", { kind, label });
      this.#emit("change", { kind });
    }
    this.#emit("list", {});
  };

  #isPresent(kind, id) {
    return has(this.#present, kind, id);
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function has(devices, kind, id) {
  return devices.some((device) => device.kind === KINDS[kind] && device.deviceId === id);
}

function remembered() {
  const found = kept.read(REMEMBERED, (value) => value !== null) ?? {};
  const chosen = Object.keys(KINDS).filter((kind) => hasTexts(found[kind], ["id", "label"]));
  return Object.fromEntries(chosen.map((kind) => [kind, found[kind]]));
}

/** Those of this browser. */
export const devices = new Devices();
