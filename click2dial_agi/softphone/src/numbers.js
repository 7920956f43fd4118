/** Numbers as people write them, made into what the server accepts. */

/** Drop what only helps the eye, and write "+" the way it is dialled here. */
export function dialable(text) {
  const digits = text.trim().replace(/[\s().-]/g, "");
  if (digits.startsWith("+27")) return digits.slice(1);
  return digits.replace(/^\+/, "00");
}

/** Group a number for the eye: 082 000 0100, 27 82 000 1234. */
export function readable(number) {
  return number
    .replace(/^(0\d{2})(\d{3})(\d{4})$/, "$1 $2 $3")
    .replace(/^(27)(\d{2})(\d{3})(\d{4})$/, "$1 $2 $3 $4");
}

/** Seconds as 0:07 or 1:02:03. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
}
